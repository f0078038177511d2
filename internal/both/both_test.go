package both

import "testing"

func TestBothAreToldInOrder(t *testing.T) {
	var told []int
	Func1(func(n int) { told = append(told, n) }, func(n int) { told = append(told, 10*n) })(7)
	if len(told) != 2 || told[0] != 7 || told[1] != 70 {
		t.Errorf("told %v", told)
	}
}

func TestOneMayBeNil(t *testing.T) {
	told := 0
	count := func(int, int) { told++ }
	Func2(nil, count)(1, 2)
	Func2(count, nil)(1, 2)
	if told != 2 {
		t.Errorf("told %d times", told)
	}
	if Func3[int, int, int](nil, nil) != nil || Func4[int, int, int, int](nil, nil) != nil || Func5[int, int, int, int, int](nil, nil) != nil {
		t.Error("two nil functions make one that is not")
	}
}
