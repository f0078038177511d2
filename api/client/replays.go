package client

import (
	"context"
	"net/http"
	"time"
)

// The states of a replay.
const (
	ReplayRunning   = "running"
	ReplayDone      = "done"
	ReplayFailed    = "failed"    // Error says why; the live state is as it was
	ReplayCancelled = "cancelled" // the live state is as it was
)

// ReplayFrom is where a replay begins.
type ReplayFrom string

// The places where a replay can begin.
const (
	FromStart    ReplayFrom = "start"    // of the log
	FromSnapshot ReplayFrom = "snapshot" // the newest that is good
)

// Replay is a rebuilding of the state from the log. What is not known yet is nil.
type Replay struct {
	ID               string       `json:"id"` // a UUID
	State            string       `json:"state"`
	From             ReplayFrom   `json:"from"`
	Swap             bool         `json:"swap"`
	Position         Position     `json:"position"`
	Head             Position     `json:"head"`
	EventsPerSecond  int64        `json:"eventsPerSecond"`
	RemainingSeconds int64        `json:"remainingSeconds"`
	ComparedAt       *Position    `json:"comparedAt"`
	Digest           *string      `json:"digest"`     // of the state that was built
	LiveDigest       *string      `json:"liveDigest"` // of the state served, at the same position
	Match            *bool        `json:"match"`
	Differing        int          `json:"differing"` // accounts
	Differences      []Difference `json:"differences"`
	KeysDiffer       *bool        `json:"keysDiffer"` // the idempotency keys that are remembered
	// The positions of the last events about subjects of other services' events.
	DifferingSubjects  int                 `json:"differingSubjects"`
	SubjectDifferences []SubjectDifference `json:"subjectDifferences"`
	ChainVerified      bool                `json:"chainVerified"`
	SnapshotsVerified  int                 `json:"snapshotsVerified"`
	SnapshotFaults     []string            `json:"snapshotFaults"`
	Swapped            bool                `json:"swapped"` // the new state is served
	Error              *string             `json:"error"`
	StartedAt          time.Time           `json:"startedAt"`
	EndedAt            *time.Time          `json:"endedAt"`
}

func (r *Replay) complete() bool { return r.ID != "" }
func (*Replay) what() string     { return "replay" }

// Difference is an account that the two states don't agree on; nil where there is none.
type Difference struct {
	AccountNumber string   `json:"accountNumber"`
	Fields        []string `json:"fields"`
	Live          *Account `json:"live"`
	Replayed      *Account `json:"replayed"`
}

// SubjectDifference is a subject of other services' events, and the position of the last
// event about it by either state; nil: there is none.
type SubjectDifference struct {
	Subject  string    `json:"subject"`
	Live     *Position `json:"live"`
	Replayed *Position `json:"replayed"`
}

// ReplayOptions say how a replay is done.
type ReplayOptions struct {
	From ReplayFrom `json:"from,omitzero"` // empty: [FromStart]
	Swap bool       `json:"swap"`          // put the new state in the place of the live one
}

// StartReplay has the node build its state anew, beside the one it serves, and returns
// at once: [Client.Replay] shows how it gets on. There is one at a time:
// [CodeReplayRunning]. It is not sent again when it got no answer.
func (c *Client) StartReplay(ctx context.Context, o ReplayOptions) (r Replay, err error) {
	err = c.administer(ctx, request{method: http.MethodPost, path: "/v1/admin/replays"}, o, &r)
	return r, err
}

// Replay shows a replay. One that the node does not know, or no longer, is
// [CodeReplayNotFound].
func (c *Client) Replay(ctx context.Context, id string, options ...ReadOption) (r Replay, err error) {
	err = c.get(ctx, replayPath(id), nil, &r, options)
	return r, err
}

// CancelReplay ends a replay. It does no harm to one that has ended.
func (c *Client) CancelReplay(ctx context.Context, id string) error {
	return c.administer(ctx, request{method: http.MethodDelete, path: replayPath(id), repeatable: true}, nil, nil)
}

func replayPath(id string) string { return path("v1", "admin", "replays", id) }
