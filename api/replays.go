package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// wireReplay is a replay's JSON form. What is not known yet is null.
type wireReplay struct {
	ID                 uuid.UUID               `json:"id"`
	State              journal.ReplayState     `json:"state"`
	From               journal.ReplayFrom      `json:"from"`
	Swap               bool                    `json:"swap"`
	Position           eventstore.Position     `json:"position"`
	Head               eventstore.Position     `json:"head"`
	EventsPerSecond    int64                   `json:"eventsPerSecond"`
	RemainingSeconds   int64                   `json:"remainingSeconds"`
	ComparedAt         *eventstore.Position    `json:"comparedAt"`
	Digest             *string                 `json:"digest"`
	LiveDigest         *string                 `json:"liveDigest"`
	Match              *bool                   `json:"match"`
	Differing          int                     `json:"differing"`
	Differences        []wireDifference        `json:"differences"`
	KeysDiffer         *bool                   `json:"keysDiffer"` // the idempotency keys that are remembered
	DifferingSubjects  int                     `json:"differingSubjects"`
	SubjectDifferences []wireSubjectDifference `json:"subjectDifferences"`
	ChainVerified      bool                    `json:"chainVerified"`
	SnapshotsVerified  int                     `json:"snapshotsVerified"`
	SnapshotFaults     []string                `json:"snapshotFaults"`
	Swapped            bool                    `json:"swapped"`
	Error              *string                 `json:"error"`
	StartedAt          string                  `json:"startedAt"`
	EndedAt            *string                 `json:"endedAt"`
}

// wireDifference is an account on which the live state and the replayed one do not
// agree; null where there is none.
type wireDifference struct {
	AccountNumber account.Number `json:"accountNumber"`
	Fields        []string       `json:"fields"`
	Live          *wireAccount   `json:"live"`
	Replayed      *wireAccount   `json:"replayed"`
}

// wireSubjectDifference is a subject of other services' events whose last event is not
// the same for the live state and the replayed one; null where there is none.
type wireSubjectDifference struct {
	Subject  string `json:"subject"`
	Live     *int64 `json:"live"`
	Replayed *int64 `json:"replayed"`
}

func replayToWire(r journal.Replay) wireReplay {
	w := wireReplay{
		ID: r.ID, State: r.State, From: r.Options.From, Swap: r.Options.Swap, Position: r.Position, Head: r.Head,
		EventsPerSecond: int64(math.Round(r.Rate)), RemainingSeconds: int64(math.Ceil(r.Remaining.Seconds())),
		Differing: r.Differing, Differences: mapped(r.Differences, differenceToWire),
		DifferingSubjects: r.DifferingSubjects, SubjectDifferences: mapped(r.SubjectDifferences, subjectDifferenceToWire),
		ChainVerified: r.ChainVerified, SnapshotsVerified: r.SnapshotsVerified,
		SnapshotFaults: append([]string{}, r.SnapshotFaults...), Swapped: r.Swapped, StartedAt: wireTime(r.Started),
	}
	if r.Compared {
		w.ComparedAt, w.Match, w.KeysDiffer = &r.ComparedAt, new(r.Match()), new(r.DifferingKeys > 0)
		w.Digest, w.LiveDigest = new(r.Digest.String()), new(r.LiveDigest.String())
	}
	if r.Err != nil {
		w.Error = new(failure(r.Err))
	}
	if !r.Ended.IsZero() {
		w.EndedAt = new(wireTime(r.Ended))
	}
	return w
}

func differenceToWire(d account.Difference) wireDifference {
	w := wireDifference{AccountNumber: d.Number, Fields: append([]string{}, d.Fields...)}
	if d.Left != nil {
		w.Live = new(toWire(d.Left))
	}
	if d.Right != nil {
		w.Replayed = new(toWire(d.Right))
	}
	return w
}

func subjectDifferenceToWire(d account.SubjectDifference) wireSubjectDifference {
	w := wireSubjectDifference{Subject: d.Subject}
	if d.Left != 0 {
		w.Live = &d.Left
	}
	if d.Right != 0 {
		w.Replayed = &d.Right
	}
	return w
}

// failures gives what clients are told of a replay that failed, by what the same
// error would be to a request.
var failures = map[code]string{
	codeLogDamaged:  "what the log holds is not what was written to it: openpayment log verify names everything that is wrong",
	codeUnavailable: "the store could not be asked for too long: start another replay",
}

// failure is why a replay failed, in this service's own words.
func failure(err error) string {
	if halt, ok := journal.HaltOf(err); ok {
		return haltDetail(halt)
	}
	text, known := failures[problemOf(err).code]
	if !known {
		text = "this is a defect of the service: its own log has the rest"
	}
	if at, ok := errors.AsType[*eventstore.HaltedAt](err); ok {
		return at.Place() + ": " + text
	}
	return text
}

func startReplay(c *call) error {
	f, err := readForm(c.body, []string{"from", "swap"}, nil)
	if err != nil {
		return err
	}
	options := journal.ReplayOptions{From: journal.ReplayFromStart, Swap: orZero(f.flag("swap"))}
	if from := f.choice("from", string(journal.ReplayFromStart), string(journal.ReplayFromSnapshot)); from != nil {
		options.From = journal.ReplayFrom(*from)
	}
	if err := f.finish(); err != nil {
		return err
	}
	replay, err := c.service.StartReplay(options)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", replayPath(replay.ID))
	return c.reply(http.StatusAccepted, mediaJSON, replayToWire(replay))
}

func getReplay(c *call) error {
	if err := c.fresh(); err != nil {
		return err
	}
	id, err := c.replayID()
	if err != nil {
		return err
	}
	replay, err := c.service.Replay(id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, mediaJSON, replayToWire(replay))
}

func cancelReplay(c *call) error {
	id, err := c.replayID()
	if err != nil {
		return err
	}
	if err := c.service.CancelReplay(c.context(), id); err != nil {
		return err
	}
	return c.reply(http.StatusNoContent, "", nil)
}

// replayID is the id in the path. One replay has one path: ids are written in one
// way only.
func (c *call) replayID() (uuid.UUID, error) {
	text := c.segment("id")
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return uuid.Nil, journal.ErrNoReplay
	}
	return id, nil
}

func replayPath(id uuid.UUID) string { return "/v1/admin/replays/" + id.String() }

// running refuses a replay because another one runs.
func running(e *journal.ReplayRunningError) *problem {
	p := newProblem(codeReplayRunning, fmt.Sprintf(
		"replay %s is running: follow it with GET %s, or end it with DELETE", e.ID, replayPath(e.ID)))
	p.replay = e.ID
	return p
}
