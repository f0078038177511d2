package api

import (
	"testing"

	"github.com/go-json-experiment/json"

	"openpayment/eventstore"
)

func TestMetaIsAnObjectInTheOrderOfItsNames(t *testing.T) {
	for want, meta := range map[string]eventstore.Meta{
		`{}`:                      nil,
		`{"a":"\"1\"","b":"<é>"}`: {{Name: "a", Value: `"1"`}, {Name: "b", Value: "<é>"}},
	} {
		got, err := json.Marshal(eventToWire(eventstore.Event{Meta: meta, Data: "{}"}).Meta)
		if err != nil || string(got) != want {
			t.Errorf("%s (%v), want %s", got, err, want)
		}
	}
}
