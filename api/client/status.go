package client

import "context"

// Status is the picture that operators get of a node.
type Status struct {
	Version         string        `json:"version"` // of the program
	Store           string        `json:"store"`
	Log             string        `json:"log"`
	Ready           bool          `json:"ready"`
	Problem         *StatusReason `json:"problem"` // why it is not ready; nil: it is
	Head            Position      `json:"head"`    // of the log, as far as this node knows
	AppliedPosition Position      `json:"appliedPosition"`
	Lag             Position      `json:"lag"`
	Accounts        int           `json:"accounts"`
	IdempotencyKeys int           `json:"idempotencyKeys"`
	StateDigest     string        `json:"stateDigest"`
	DigestPosition  Position      `json:"digestPosition"`
	ForeignEvents   int64         `json:"foreignEvents"`   // of other services
	ForeignSubjects int           `json:"foreignSubjects"` // that those are about
	LastSnapshot    *Snapshot     `json:"lastSnapshot"`    // nil: none that the node knows of is of use
	Halted          *Halt         `json:"halted"`          // nil unless the state can't go on
	Queue           int           `json:"queue"`           // commands that wait
	UptimeSeconds   int64         `json:"uptimeSeconds"`
}

func (s *Status) complete() bool { return s.Log != "" }
func (*Status) what() string     { return "status" }

// StatusReason is why a node is not ready.
type StatusReason struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// Halt is the event that a node can't get past.
type Halt struct {
	Seq    Position `json:"seq"`
	Type   string   `json:"type"`
	Reason string   `json:"reason"`
}

// Status reads how the node that is asked is doing.
func (c *Client) Status(ctx context.Context, options ...ReadOption) (s Status, err error) {
	err = c.get(ctx, "/v1/admin/status", nil, &s, options)
	return s, err
}
