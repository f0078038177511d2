package eventstore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestClocksThatDifferAreJudgedWhicheverIsAhead(t *testing.T) {
	for apart, want := range map[time.Duration]eventstore.Level{
		0: eventstore.LevelOK, time.Second: eventstore.LevelOK, 1001 * time.Millisecond: eventstore.LevelWarning,
		5 * time.Second: eventstore.LevelWarning, 5001 * time.Millisecond: eventstore.LevelProblem, time.Hour: eventstore.LevelProblem,
	} {
		if a, b := eventstore.ClockLevel(apart), eventstore.ClockLevel(-apart); a != want || b != want {
			t.Errorf("%s: %s and %s, want %s", apart, a, b, want)
		}
	}
}

func TestAFindingIsReadAsItWasWritten(t *testing.T) {
	for _, f := range []eventstore.Finding{
		eventstore.Fine("disk", "%d MiB", 5),
		{Check: "paxos", Level: eventstore.LevelWarning, Detail: "v1", Fix: "v2"},
		eventstore.Amiss("head", eventstore.NewError("read", eventstore.KindDamaged, errors.New("cause\nof it")), "restore"),
	} {
		text, err := json.Marshal(f)
		var back eventstore.Finding
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != f || strings.Contains(f.Detail, "\n") || strings.Contains(f.Detail, "damaged") {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	}
	if json.Unmarshal([]byte(`{"level":"dire"}`), new(eventstore.Finding)) == nil {
		t.Error("a level that does not exist is read")
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// wantFindings compares levels by check, as "head ok, newest event warning".
func wantFindings(t *testing.T, findings []eventstore.Finding, want string) {
	t.Helper()
	var got []string
	for _, f := range findings {
		got = append(got, f.Check+" "+f.Level.String())
		if (f.Level == eventstore.LevelOK) != (f.Fix == "") {
			t.Errorf("%+v: a fix is wanted, unless nothing is wrong", f)
		}
	}
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("%s, want %s\n%+v", got, want, findings)
	}
}

func TestTheEndOfALogIsExamined(t *testing.T) {
	storage := memory.New()
	wantFindings(t, eventstore.Examine(t.Context(), storage.Open(), noon), "head ok")
	if err := storage.Open().Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 5)); err != nil {
		t.Fatal(err)
	}
	for ahead, want := range map[time.Duration]string{
		-time.Hour: "ok", 0: "ok", time.Second: "ok", 2 * time.Second: "warning", time.Minute: "problem",
	} {
		wantFindings(t, eventstore.Examine(t.Context(), storage.Open(), noon.Add(-ahead)), "head ok, newest event "+want)
	}

	forged := eventstoretest.NewFaulty(storage.Open())
	forged.OnRead(forge(5))
	wantFindings(t, eventstore.Examine(t.Context(), forged, noon), "head ok, newest event problem")

	closed := storage.Open()
	closed.Close()
	wantFindings(t, eventstore.Examine(t.Context(), closed, noon), "head problem")
}
