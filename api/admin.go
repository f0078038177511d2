package api

import (
	"net/http"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// wireStatus is the picture operators get. Fields are added, never taken away.
type wireStatus struct {
	Version         string              `json:"version"`
	Store           string              `json:"store"`
	Log             string              `json:"log"`
	Ready           bool                `json:"ready"`
	Problem         *wireReason         `json:"problem"` // null when ready
	Head            eventstore.Position `json:"head"`
	AppliedPosition eventstore.Position `json:"appliedPosition"`
	Lag             eventstore.Position `json:"lag"`
	Accounts        int                 `json:"accounts"`
	IdempotencyKeys int                 `json:"idempotencyKeys"` // that are remembered
	StateDigest     string              `json:"stateDigest"`
	DigestPosition  eventstore.Position `json:"digestPosition"`
	ForeignEvents   int64               `json:"foreignEvents"`   // of other services, among those applied
	ForeignSubjects int                 `json:"foreignSubjects"` // that those are about
	LastSnapshot    *wireManifest       `json:"lastSnapshot"`    // null: this node knows of none that is of use
	Halted          *wireHalt           `json:"halted"`          // null unless the state can't go on
	Queue           int                 `json:"queue"`
	UptimeSeconds   int64               `json:"uptimeSeconds"`
}

type wireReason struct {
	Code   code   `json:"code"`
	Detail string `json:"detail"`
}

// wireHalt is the event that this node can't get past.
type wireHalt struct {
	Seq    eventstore.Position `json:"seq"`
	Type   string              `json:"type"`
	Reason string              `json:"reason"`
}

func getStatus(c *call) error {
	if err := c.fresh(); err != nil {
		return err
	}
	s := c.service.Status()
	status := wireStatus{
		Version: c.h.cfg.Version, Store: c.h.cfg.Store, Log: c.h.cfg.LogName, Ready: true,
		Head: s.Head, AppliedPosition: s.Applied, Lag: s.Head - s.Applied,
		Accounts: s.Accounts, IdempotencyKeys: s.Keys, StateDigest: s.Digest.String(), DigestPosition: s.DigestAt,
		ForeignEvents: s.Foreign, ForeignSubjects: s.Subjects, Queue: s.Queue, UptimeSeconds: int64(s.Uptime.Seconds()),
	}
	if s.Snapshot.ID != uuid.Nil {
		status.LastSnapshot = new(manifestToWire(s.Snapshot))
	}
	if halt, ok := journal.HaltOf(s.Problem); ok {
		status.Halted = &wireHalt{halt.Seq, halt.Type, halt.Reason}
	}
	if p := c.h.unready(c.service); p != nil {
		status.Ready, status.Problem = false, &wireReason{p.code, p.detail}
	}
	return c.reply(http.StatusOK, mediaJSON, status)
}
