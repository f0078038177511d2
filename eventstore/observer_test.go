package eventstore_test

import (
	"reflect"
	"testing"

	"openpayment/eventstore"
)

// TestTwoObserversAreToldEverything finds a field that And has forgotten.
func TestTwoObserversAreToldEverything(t *testing.T) {
	told := make(map[string]int)
	listener := func() (o eventstore.Observer) {
		fields := reflect.ValueOf(&o).Elem()
		for i := range fields.NumField() {
			name := fields.Type().Field(i).Name
			fields.Field(i).Set(reflect.MakeFunc(fields.Field(i).Type(), func([]reflect.Value) []reflect.Value {
				told[name]++
				return nil
			}))
		}
		return o
	}
	joined := reflect.ValueOf(listener().And(listener()))
	for i := range joined.NumField() {
		name, f := joined.Type().Field(i).Name, joined.Field(i)
		if f.IsNil() {
			t.Errorf("nobody is told of %s", name)
			continue
		}
		arguments := make([]reflect.Value, f.Type().NumIn())
		for j := range arguments {
			arguments[j] = reflect.Zero(f.Type().In(j))
		}
		if f.Call(arguments); told[name] != 2 {
			t.Errorf("%d are told of %s", told[name], name)
		}
	}
}
