package cassandra_test

import (
	"sync"
	"testing"

	"openpayment/eventstore/cassandra"
)

func TestRequestsAreToldByTheNamesOfTheirStatements(t *testing.T) {
	var mu sync.Mutex // guards told
	told := make(map[string]int)
	cfg := config(t, 20_000)
	cfg.Requests = func(r cassandra.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Took <= 0 || r.Retry {
			t.Errorf("told %+v", r)
		}
		told[r.Statement+" "+r.Outcome]++
	}
	s := open(t, cfg)
	head, _ := write(t, s, 1, 2)
	wantLog(t, s, head)
	mu.Lock()
	defer mu.Unlock()
	for want, times := range map[string]int{"open-bucket ok": 1, "append ok": 1, "load-settings ok": 2, "save-settings ok": 1} {
		if told[want] != times {
			t.Errorf("%q was told %d times, want %d; told was %v", want, told[want], times, told)
		}
	}
	if told["head ok"] == 0 || told["events ok"] == 0 {
		t.Errorf("told was %v", told)
	}
}
