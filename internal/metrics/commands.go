package metrics

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"openpayment/api"
)

// commands are the figures of commands and of their way through the Writer.
type commands struct {
	ended *prometheus.CounterVec
	took  *prometheus.HistogramVec

	queue, decide, append, apply prometheus.Observer
}

func newCommands(add adder) commands {
	stages := add.histograms("command_stage_duration_seconds", "Time that commands spent in each stage of the writer.", seconds, "stage")
	return commands{
		ended: add.counters("commands_total", "Commands by kind, and by what became of them.", "command", "outcome", "problem"),
		took:  add.histograms("command_duration_seconds", "Time that commands spent in the writer, until the answer was certain.", seconds, "command"),
		queue: stages.WithLabelValues("queue"), decide: stages.WithLabelValues("decide"),
		append: stages.WithLabelValues("append"), apply: stages.WithLabelValues("apply"),
	}
}

func (m *commands) observe(_ context.Context, c api.Command) {
	m.ended.WithLabelValues(c.Kind, outcome(c), c.Problem).Inc()
	course := c.Course
	if course.Decided.IsZero() {
		return // it did not get into the Writer, or not through it
	}
	m.queue.Observe(course.Taken.Sub(course.Queued).Seconds())
	m.decide.Observe(course.Decided.Sub(course.Taken).Seconds())
	end := course.Decided
	if !course.Applied.IsZero() {
		m.append.Observe(course.Appended.Sub(course.Decided).Seconds())
		m.apply.Observe(course.Applied.Sub(course.Appended).Seconds())
		end = course.Applied
	}
	m.took.WithLabelValues(c.Kind).Observe(end.Sub(course.Queued).Seconds())
}

// outcome sums up what became of a command.
func outcome(c api.Command) string {
	switch {
	case c.Problem == "outcome-unknown":
		return "unknown"
	case c.Problem == "overloaded":
		return "overloaded"
	case c.Status >= http.StatusServiceUnavailable:
		return "unavailable"
	case c.Status >= http.StatusInternalServerError:
		return "failed"
	case c.Problem != "":
		return "refused"
	case c.Replayed:
		return "replayed"
	case c.DryRun:
		return "tried"
	}
	return "accepted"
}
