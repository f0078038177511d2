package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// snapshotLimit is how long taking a snapshot may last.
const snapshotLimit = 10 * time.Minute

// wireManifest is a snapshot's JSON form, without what is in it.
type wireManifest struct {
	ID       uuid.UUID           `json:"id"`
	Position eventstore.Position `json:"position"`
	Hash     string              `json:"hash"`  // of the event there
	Time     string              `json:"time"`  // likewise
	Taken    string              `json:"taken"` // when it was complete
	Digest   string              `json:"digest"`
	Format   int                 `json:"format"`
	Reducer  int                 `json:"reducer"`
	Accounts int64               `json:"accounts"`
	Bytes    int64               `json:"bytes"`
	Chunks   int                 `json:"chunks"`
	Intact   bool                `json:"intact"` // the manifest matches its checksum
}

func manifestToWire(m eventstore.Manifest) wireManifest {
	return wireManifest{
		ID: m.ID, Position: m.At.Head.Position, Hash: m.At.Head.Hash.String(), Time: wireTime(m.At.Time),
		Taken: wireTime(m.Taken), Digest: m.Digest.String(), Format: m.Format, Reducer: m.Reducer,
		Accounts: m.Records, Bytes: m.Bytes, Chunks: len(m.Chunks), Intact: m.Verify() == nil,
	}
}

func takeSnapshot(c *call) error {
	m, err := c.service.TakeSnapshot(c.context())
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, mediaJSON, manifestToWire(m))
}

func listSnapshots(c *call) error {
	if err := c.fresh(); err != nil {
		return err
	}
	all, err := c.service.Snapshots(c.context())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, mediaJSON, page[wireManifest]{Items: mapped(all, manifestToWire)})
}
