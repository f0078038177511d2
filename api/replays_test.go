package api_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// replayBody is a replay as clients see it.
type replayBody struct {
	ID, State, From           string
	Swap, ChainVerified       bool
	Swapped                   bool
	Position, Head            int64
	Digest, LiveDigest, Error *string
	ComparedAt                *int64
	Match, KeysDiffer         *bool
	Differing                 int
	SnapshotsVerified         int
	SnapshotFaults            []string
	StartedAt                 string
	EndedAt                   *string
	EventsPerSecond           int64
	RemainingSeconds          int64
	Differences               []struct {
		AccountNumber  string
		Fields         []string
		Live, Replayed *accountBody
	}
}

func (a response) replay() replayBody {
	a.Helper()
	var body replayBody
	a.decode(&body)
	return body
}

// replayed carries out a replay to its end.
func (r *rig) replayed(o journal.ReplayOptions) replayBody {
	r.Helper()
	replay, err := r.service.StartReplay(o)
	if err != nil {
		r.Fatal(err)
	}
	return r.ended(replay.ID.String())
}

// ended asks for a replay until it has ended.
func (r *rig) ended(id string) replayBody {
	r.Helper()
	limit := time.After(time.Minute)
	for {
		body := r.do("GET", "/v1/admin/replays/"+id, "").is(200, "").replay()
		if body.State != "running" {
			return body
		}
		select {
		case <-limit:
			r.Fatalf("it still runs: %+v", body)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestAReplayIsStartedFollowedAndDone(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.do("POST", "/v1/admin/snapshots", "").is(201, "")
	r.open("12345679")
	for body, want := range map[string]struct {
		from      string
		swap      bool
		snapshots int
	}{
		`{}`: {"start", false, 1}, `{"swap":true}`: {"start", true, 1}, `{"from":"snapshot"}`: {"snapshot", false, 0},
		`{"from":"start","swap":false}`: {"start", false, 1},
	} {
		begun := r.do("POST", "/v1/admin/replays", body).is(202, "")
		id := begun.replay().ID
		begun.has("Location: /v1/admin/replays/" + id)
		got := r.ended(id)
		digest := r.service.Status().Digest.String()
		if got.State != "done" || got.From != want.from || got.Swap != want.swap || got.Swapped != want.swap || got.SnapshotsVerified != want.snapshots ||
			!*got.Match || *got.KeysDiffer || *got.Digest != digest || *got.LiveDigest != digest || *got.ComparedAt != 2 || got.Position != 2 || got.Head != 2 ||
			!got.ChainVerified || got.Error != nil || got.EndedAt == nil || got.StartedAt == "" || len(got.Differences)+len(got.SnapshotFaults) > 0 {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestWhatAReplayDoesNotKnowYetIsNull(t *testing.T) {
	r, gate := held(t)
	defer gate.Open()
	text := string(r.do("POST", "/v1/admin/replays", `{}`).is(202, "").text)
	for _, want := range []string{`"state":"running"`, `"digest":null`, `"liveDigest":null`, `"match":null`, `"keysDiffer":null`, `"comparedAt":null`, `"error":null`, `"endedAt":null`,
		`"differences":[]`, `"snapshotFaults":[]`, `"differing":0`, `"swapped":false`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestAReplayTellsThatKeysDiffer(t *testing.T) {
	text := api.ReplayJSON(journal.Replay{Compared: true, DifferingKeys: 3})
	if !strings.Contains(text, `"match":false,"differing":0,"differences":[],"keysDiffer":true,`) {
		t.Error(text)
	}
}

// held is a service with one account whose replays don't get on until the gate is
// open.
func held(t *testing.T) (*rig, *eventstoretest.Gate) {
	t.Helper()
	r := newRig(t)
	r.open("12345678")
	gate := eventstoretest.NewGate()
	t.Cleanup(gate.Open)
	r.store.OnRead(gate.Read)
	return r, gate
}

func TestOneReplayRunsAtATimeAndCanBeCancelled(t *testing.T) {
	r, _ := held(t)
	id := r.do("POST", "/v1/admin/replays", `{"swap":true}`).is(202, "").replay().ID
	p := r.do("POST", "/v1/admin/replays", `{}`).is(409, "replay-running").problem()
	if p.Replay != id || !strings.Contains(p.Detail, "/v1/admin/replays/"+id) {
		t.Errorf("%+v", p)
	}
	if got := r.do("GET", "/v1/admin/replays/"+id, "").is(200, "").replay(); got.State != "running" {
		t.Errorf("%+v", got)
	}
	for range 2 { // one that has ended is as good as cancelled
		r.do("DELETE", "/v1/admin/replays/"+id, "").is(204, "")
	}
	if got := r.do("GET", "/v1/admin/replays/"+id, "").is(200, "").replay(); got.State != "cancelled" || got.Swapped || got.Error != nil || got.Match != nil {
		t.Errorf("%+v", got)
	}
	again := r.do("POST", "/v1/admin/replays", `{}`).is(202, "").replay().ID
	r.do("DELETE", "/v1/admin/replays/"+again, "").is(204, "")
}

func TestAReplayThatNobodyKnowsIsNotFound(t *testing.T) {
	r := newRig(t)
	known := r.cancelled().ID.String()
	for _, id := range []string{uuid.NewString(), "1", "x", strings.ToUpper(known), strings.ReplaceAll(known, "-", ""), "%7B" + known + "%7D"} {
		r.do("GET", "/v1/admin/replays/"+id, "").is(404, "replay-not-found")
		r.do("DELETE", "/v1/admin/replays/"+id, "").is(404, "replay-not-found")
	}
}

func TestTheFormOfAReplayIsStrict(t *testing.T) {
	r := newRig(t)
	for body, want := range map[string]string{
		`{"from":"begin"}`: "/from", `{"from":""}`: "/from", `{"from":null}`: "/from", `{"from":1}`: "/from", `{"from":"START"}`: "/from",
		`{"swap":"true"}`: "/swap", `{"swap":null}`: "/swap", `{"swap":1}`: "/swap", `{"form":"start"}`: "/form",
		`{"swap":0,"from":[],"x":1}`: "/from /swap /x", `[]`: "", `"start"`: "",
	} {
		if got := r.do("POST", "/v1/admin/replays", body).is(422, "invalid").pointers(); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	p := r.do("POST", "/v1/admin/replays", `{"form":"start"}`).problem()
	if !strings.Contains(p.Errors[0].Detail, "did you mean from?") {
		t.Errorf("%+v", p)
	}
	if p = r.do("POST", "/v1/admin/replays", `{"from":"begin"}`).problem(); p.Errors[0].Detail != "must be start or snapshot" {
		t.Errorf("%+v", p)
	}
	for _, body := range []string{"", "{", `{"swap":true,"swap":true}`} {
		r.do("POST", "/v1/admin/replays", body).is(400, "bad-json")
	}
	r.do("POST", "/v1/admin/replays", `{}`, "Content-Type: text/plain").is(415, "unsupported-media-type")
}

// scripted is a service whose replays stand as the test wants them.
type scripted struct {
	*journal.Service
	replay journal.Replay
}

func (s scripted) Replay(uuid.UUID) (journal.Replay, error) { return s.replay, nil }

func TestAReplayNamesTheAccountsThatDiffer(t *testing.T) {
	r := newRig(t)
	live := &account.Account{Number: "12345678", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP", Status: account.StatusOpen, Version: 1}
	other := *live
	other.SortCode = "99-99-99"
	r.handler.Serve(scripted{r.service, journal.Replay{
		Options: journal.ReplayOptions{From: journal.ReplayFromStart}, State: journal.ReplayDone, Compared: true, Differing: 1003, SnapshotFaults: []string{"snapshot x at event 3: y"},
		Differences: []account.Difference{
			{Number: "12345678", Left: live, Right: &other, Fields: []string{"sortCode"}},
			{Number: "12345679", Right: &other}, {Number: "12345680", Left: live},
		},
	}})
	got := r.do("GET", "/v1/admin/replays/"+uuid.NewString(), "").is(200, "").replay()
	if *got.Match || got.Differing != 1003 || len(got.Differences) != 3 || len(got.SnapshotFaults) != 1 {
		t.Fatalf("%+v", got)
	}
	d := got.Differences
	if d[0].Fields[0] != "sortCode" || d[0].Live.SortCode != "10-20-30" || d[0].Replayed.SortCode != "99-99-99" || d[0].AccountNumber != "12345678" {
		t.Errorf("%+v", d[0])
	}
	if d[1].Live != nil || d[1].Replayed == nil || d[2].Live == nil || d[2].Replayed != nil || d[1].Fields == nil {
		t.Errorf("%+v", d[1:])
	}
}

func TestAReplayThatFailedSaysWhyInThisServicesWords(t *testing.T) {
	r := newRig(t)
	driver := errors.New("dial tcp 10.0.0.1: secret")
	at := func(typ string, err error) error {
		return &eventstore.HaltedAt{Who: "replay", Seq: 17, Type: typ, Err: err}
	}
	for want, err := range map[string]error{
		"event 17: what the log holds is not what was written to it: openpayment log verify names everything that is wrong": at("", eventstore.NewError("read", eventstore.KindDamaged, driver)),
		"what the log holds is not what was written to it: openpayment log verify names everything that is wrong":           eventstore.NewError("restore", eventstore.KindRegressed, driver),
		"event 17: the store could not be asked for too long: start another replay":                                         at("", eventstore.NewError("read", eventstore.KindUnavailable, driver)),
		"the store could not be asked for too long: start another replay":                                                   eventstore.NewError("list", eventstore.KindUnavailable, driver),
		"halted at event 17 (account.closed): account 1 was never opened: upgrade this node":                                at("account.closed", errors.New("account 1 was never opened")),
		"this is a defect of the service: its own log has the rest":                                                         driver,
	} {
		r.handler.Serve(scripted{r.service, journal.Replay{Options: journal.ReplayOptions{From: journal.ReplayFromStart}, State: journal.ReplayFailed, Err: err}})
		got := r.do("GET", "/v1/admin/replays/"+uuid.NewString(), "").is(200, "").replay()
		if got.Error == nil || *got.Error != want || got.Match != nil {
			t.Errorf("%v: %v", err, *got.Error)
		}
	}
}

func TestADamagedEventFailsAReplayAndIsNamed(t *testing.T) {
	r := newRig(t)
	for _, number := range []string{"12345678", "12345679", "12345680"} {
		r.open(number)
	}
	r.store.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if ev.Seq == 2 {
					ev.Data = strings.ReplaceAll(ev.Data, "10-20-30", "10-20-31")
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	})
	got := r.replayed(journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
	if got.State != "failed" || got.Swapped || got.ChainVerified || !strings.HasPrefix(*got.Error, "event 2: ") {
		t.Errorf("%+v", got)
	}
	r.do("GET", "/v1/accounts/12345679", "").is(200, "")
}
