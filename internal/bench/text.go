package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report as tables for people.
func (r *Report) WriteText(w io.Writer) error {
	p := &lined{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	p.line("openpayment %s, %s/%s, %d processors, %s, %s", r.Version, r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.Go, r.Started.Format(time.DateTime))
	for _, line := range r.About {
		p.line("%s", line)
	}
	p.line("each comparison: %s in slices of %s; ratios are medians of pairs of slices, with their quartiles",
		time.Duration(r.Settings.Duration), time.Duration(r.Settings.Slice))
	p.line("")
	p.flush()
	p.line("CASE\tSERVICE\tBESIDE\tRESULT\tSPREAD\tGOAL\tFLOOR\t")
	for _, c := range r.Cases {
		p.line("%s", strings.Join(c.row(), "\t"))
	}
	p.flush()
	p.line("")
	p.line("LATENCY\tP50\tP99\tP99.9\tBESIDE P50\tP99\tP99.9")
	for _, c := range r.Cases {
		if c.Measured != nil && c.Measured.P50 > 0 {
			p.line("%s\t%s\t%s", c.Name, latencies(c.Measured), latencies(c.Beside))
		}
	}
	p.flush()
	p.line("")
	for _, c := range r.Cases {
		p.line("%s: %s", c.Name, c.Title)
		if c.Beside != nil {
			p.line("  %s; beside: %s", c.Measured.What, c.Beside.What)
		}
		if len(c.Figures) > 0 {
			p.line("  %s", c.figures())
		}
		if c.Failed != "" {
			p.line("  FAILED: %s", c.Failed)
		}
		p.flush()
	}
	return p.failed
}

// row is the case's line of the table.
func (c *Case) row() []string {
	if c.Failed != "" {
		return []string{c.Name, "failed: see below", "", "", "", "", "", ""}
	}
	goal, floor, verdict := "", "", ""
	if c.Goal != nil {
		limit := ""
		if c.Result.Less {
			limit = "≤ "
		}
		goal, floor, verdict = limit+short(c.Goal.Goal), limit+short(c.Goal.Floor), c.Goal.Verdict
	}
	return []string{c.Name, rate(c.Measured), rate(c.Beside), c.Result.text(),
		short(c.Result.Low) + " – " + short(c.Result.High), goal, floor, verdict}
}

func (r Result) text() string { return strings.TrimSpace(short(r.Median) + " " + r.Unit) }

func rate(s *Side) string {
	if s == nil {
		return ""
	}
	return short(s.Rate) + " " + s.Unit
}

func latencies(s *Side) string {
	if s == nil || s.P50 == 0 {
		return "\t\t"
	}
	return inTime(s.P50) + "\t" + inTime(s.P99) + "\t" + inTime(s.P999)
}

// inTime is some microseconds, as a time.
func inTime(micros float64) string {
	switch {
	case micros < 1000:
		return short(micros) + " µs"
	case micros < 1_000_000:
		return short(micros/1000) + " ms"
	}
	return short(micros/1_000_000) + " s"
}

func (c *Case) figures() string {
	var all []string
	for _, f := range c.Figures {
		all = append(all, strings.TrimSpace(f.Name+" "+short(f.Value)+" "+f.Unit))
	}
	return strings.Join(all, ", ")
}

// short is a number with three digits that count, or all before the point.
func short(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100:
		return grouped(v)
	case size >= 10:
		return trimmed(v, 1)
	default:
		return trimmed(v, 2)
	}
}

func trimmed(v float64, digits int) string {
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if v == math.Trunc(v) {
		text, _, _ = strings.Cut(text, ".")
	}
	return text
}

// grouped is a whole number, in groups of three.
func grouped(v float64) string {
	text := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// lined prints lines in columns, until one of them fails.
type lined struct {
	w      *tabwriter.Writer
	failed error
}

func (p *lined) line(format string, args ...any) {
	if p.failed == nil {
		_, p.failed = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *lined) flush() {
	if p.failed == nil {
		p.failed = p.w.Flush()
	}
}
