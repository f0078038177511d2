package api

import (
	"net/http"

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
	LastSnapshot    *struct{}           `json:"lastSnapshot"` // null: there are none in this version
	Queue           int                 `json:"queue"`
	UptimeSeconds   int64               `json:"uptimeSeconds"`
}

type wireReason struct {
	Code   code   `json:"code"`
	Detail string `json:"detail"`
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
		Queue: s.Queue, UptimeSeconds: int64(s.Uptime.Seconds()),
	}
	if p := c.h.unready(c.service); p != nil {
		status.Ready, status.Problem = false, &wireReason{p.code, p.detail}
	}
	return c.reply(http.StatusOK, mediaJSON, status)
}
