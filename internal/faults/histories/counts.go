package histories

import (
	"time"

	"github.com/anishathalye/porcupine"
)

// Counts is what a run has seen.
type Counts struct {
	Histories int    `json:"histories"`
	Seed      uint64 `json:"seed"`

	OK       int `json:"ok"` // commands; repetitions count
	Replayed int `json:"replayed"`
	Refused  int `json:"refused"`
	Unknown  int `json:"unknown"`
	Later    int `json:"unknownDone"` // of the unknown: those the log has
	NotDone  int `json:"notDone"`
	Reads    int `json:"reads"` // that were answered
	Fewest   int `json:"fewestOKInAHistory"`

	Faults        map[string]int `json:"faults"`
	Snapshots     int            `json:"snapshotsOnDemand"`
	Replays       int            `json:"replaysDone"`
	ReplaysFailed int            `json:"replaysFailed"`

	Checked      int     `json:"operationsChecked"`
	Undecided    int     `json:"undecided"`
	LongestCheck float64 `json:"longestCheckSeconds"`
	MostOps      int     `json:"mostOperationsInAGroup"`
}

func (c *Counts) operations(ops []Operation) {
	for _, op := range ops {
		out := op.Output
		switch {
		case op.Input.Kind.Reads():
			if out.Outcome == OK || out.Outcome == Refused {
				c.Reads++
			}
		case out.Outcome == OK:
			c.OK++
			if out.Replayed {
				c.Replayed++
			}
		case out.Outcome == Refused:
			c.Refused++
		case out.Outcome == NotDone:
			c.NotDone++
		default:
			c.Unknown++
			if out.Position != 0 {
				c.Later++
			}
		}
	}
}

func (c *Counts) verdict(v Verdict) {
	c.Checked += v.Ops
	c.MostOps = max(c.MostOps, v.Ops)
	c.LongestCheck = max(c.LongestCheck, v.Took.Round(time.Millisecond).Seconds())
	if v.Result == porcupine.Unknown {
		c.Undecided++
	}
}
