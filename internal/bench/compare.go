package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// ParseReport reads what was written of a [Report] as JSON.
func ParseReport(text []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("this is no report of openpayment bench: %w", err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("this is no report of openpayment bench that this version knows: its format is %d, not %d", r.Format, Format)
	}
	return &r, nil
}

// Change is what has become of a case.
type Change struct {
	Name     string
	Old, New *Result // nil: it was not, or is not, measured
	// By is by which part the result has changed: 0.1 is 10 % more. Noise is what part
	// may be chance.
	By, Noise float64
	Verdict   string
}

// The verdicts on a change.
const (
	Better   = "better"
	Worse    = "WORSE"
	Same     = "the same"
	OnlyNew  = "not measured before"
	OnlyThen = "not measured now"
)

// Changes are those of all cases.
type Changes []Change

// leastNoise is the part by which results differ from run to run, however steady each is.
const leastNoise = 0.05

// Compare tells what has changed from one report to another. A change counts if it is
// larger than both results are wide, each half of what lies between its quartiles, and than
// five in a hundred.
func Compare(old, now *Report) (all Changes) {
	was := make(map[string]*Case)
	for _, c := range old.Cases {
		if c.Failed == "" {
			was[c.Name] = c
		}
	}
	for _, c := range now.Cases {
		before, known := was[c.Name]
		delete(was, c.Name)
		switch {
		case c.Failed != "":
			if known {
				all = append(all, Change{Name: c.Name, Old: &before.Result, Verdict: OnlyThen})
			}
		case !known || before.Result.Median == 0 || before.Result.Less != c.Result.Less:
			all = append(all, Change{Name: c.Name, New: &c.Result, Verdict: OnlyNew})
		default:
			all = append(all, changeOf(c.Name, before.Result, c.Result))
		}
	}
	for _, c := range old.Cases {
		if was[c.Name] != nil && (len(now.Only) == 0 || Matches(now.Only, c.Name)) {
			all = append(all, Change{Name: c.Name, Old: &c.Result, Verdict: OnlyThen})
		}
	}
	return all
}

func changeOf(name string, was, is Result) Change {
	c := Change{Name: name, Old: &was, New: &is, By: is.Median/was.Median - 1, Verdict: Same}
	spread := func(r Result) float64 { return (r.High - r.Low) / 2 }
	c.Noise = max(leastNoise, (spread(was)+spread(is))/was.Median)
	if math.Abs(c.By) > c.Noise {
		c.Verdict = Better
		if c.By > 0 == is.Less {
			c.Verdict = Worse
		}
	}
	return c
}

// Worse tells whether a case is.
func (all Changes) Worse() bool {
	for _, c := range all {
		if c.Verdict == Worse {
			return true
		}
	}
	return false
}

// WriteText writes a table for people.
func (all Changes) WriteText(w io.Writer) error {
	p := &lined{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	p.line("")
	p.line("CHANGE\tBEFORE\tNOW\tBY\tNOISE\t")
	for _, c := range all {
		p.line("%s\t%s\t%s\t%s\t%s\t%s", c.Name, optional(c.Old), optional(c.New), c.Part(), c.Doubt(), c.Verdict)
	}
	p.flush()
	return p.failed
}

// Part is by how much it has changed, for people; empty if that can't be said.
func (c Change) Part() string {
	if c.Old == nil || c.New == nil {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", 100*c.By)
}

// Doubt is how much of that may be chance, likewise.
func (c Change) Doubt() string {
	if c.Old == nil || c.New == nil {
		return ""
	}
	return fmt.Sprintf("± %.0f %%", 100*c.Noise)
}

func optional(r *Result) string {
	if r == nil {
		return ""
	}
	return r.text()
}
