package client

import (
	"context"
	"net/http"
	"time"
)

// Snapshot is the state of the service at one position, without what is in it.
type Snapshot struct {
	ID       string    `json:"id"` // a UUID
	Position Position  `json:"position"`
	Hash     string    `json:"hash"`   // of the event there
	Time     time.Time `json:"time"`   // of the event there
	Taken    time.Time `json:"taken"`  // when it was complete
	Digest   string    `json:"digest"` // of the state
	Format   int       `json:"format"`
	Reducer  int       `json:"reducer"`
	Accounts int64     `json:"accounts"`
	Bytes    int64     `json:"bytes"`
	Chunks   int       `json:"chunks"`
	Intact   bool      `json:"intact"` // the manifest matches its checksum
}

func (s *Snapshot) complete() bool { return s.ID != "" }
func (*Snapshot) what() string     { return "snapshot" }

const snapshotsPath = "/v1/admin/snapshots"

// snapshotLimit is how long a snapshot may take: a little more than the service gives
// itself.
const snapshotLimit = 11 * time.Minute

// TakeSnapshot has the node take a snapshot of its state, and waits for it. It is not
// sent again when it got no answer: the snapshot may be there all the same.
func (c *Client) TakeSnapshot(ctx context.Context) (s Snapshot, err error) {
	err = c.administer(ctx, request{method: http.MethodPost, path: snapshotsPath, limit: snapshotLimit}, nil, &s)
	return s, err
}

// Snapshots gives the snapshots in the store, newest first.
func (c *Client) Snapshots(ctx context.Context, options ...ReadOption) ([]Snapshot, error) {
	var p page[Snapshot]
	err := c.get(ctx, snapshotsPath, nil, &p, options)
	return p.Items, err
}

// administer sends what changes something, and has no key to be sent again with.
func (c *Client) administer(ctx context.Context, r request, body any, into checked) error {
	r.header, r.changes = make(http.Header), true
	if body != nil {
		if err := r.setBody(body); err != nil {
			return err
		}
	}
	_, err := c.ask(ctx, r, into)
	return err
}
