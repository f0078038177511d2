package api

import (
	"errors"
	"fmt"
	"net/http"

	"openpayment/account/journal"
)

// check is one of the things readiness is made of.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitzero"`
}

type wireHealth struct {
	Status string  `json:"status"`
	Checks []check `json:"checks,omitzero"`
}

// getLive answers as long as the process can.
func getLive(c *call) error {
	return c.reply(http.StatusOK, mediaJSON, wireHealth{Status: "alive"})
}

// getReady tells whether requests should be sent here.
func getReady(c *call) error {
	verbose, err := c.params.verbose()
	if err != nil {
		return err
	}
	var checks []check
	var first *problem
	for _, part := range c.h.readiness() {
		ch := check{Name: part.name, OK: part.problem == nil}
		if !ch.OK {
			ch.Detail = part.problem.detail
			if first == nil {
				first = part.problem
			}
		}
		if verbose {
			checks = append(checks, ch)
		}
	}
	if first != nil {
		first.checks = checks
		return first
	}
	return c.reply(http.StatusOK, mediaJSON, wireHealth{Status: "ready", Checks: checks})
}

// Problem is the code of what keeps this node from being ready, empty when it is: what
// /readyz says.
func (h *Handler) Problem() string {
	for _, part := range h.readiness() {
		if part.problem != nil {
			return string(part.problem.code)
		}
	}
	return ""
}

// getMetrics leaves the answer to whoever keeps the metrics.
func getMetrics(c *call) error {
	if c.h.cfg.Metrics == nil {
		return newProblem(codeRouteNotFound, "this service keeps no metrics")
	}
	c.h.cfg.Metrics.ServeHTTP(c.w, c.r)
	return nil
}

// part is one check and what it found.
type part struct {
	name    string
	problem *problem
}

// readiness makes every check, the most telling first.
func (h *Handler) readiness() []part {
	parts := []part{{"draining", nil}, {"service", nil}}
	if h.draining.Load() {
		parts[0].problem = newProblem(codeUnavailable, "this node is shutting down: use another")
	}
	if s := h.current(); s != nil {
		parts[1].problem = h.unready(s)
	} else {
		parts[1].problem = h.unserved()
	}
	return parts
}

// unserved is why there is no service yet.
func (h *Handler) unserved() *problem {
	p := problemOf(*h.waiting.Load())
	if p.code == codeInternal { // an error of no kind: all that is known is that it's not there
		p = newProblem(codeUnavailable, "the store has not been reached yet: try again after Retry-After seconds").because(p.cause)
	}
	return p
}

// unready is what keeps s from answering, nil for nothing.
func (h *Handler) unready(s Service) *problem {
	status := s.Status()
	switch {
	case status.Problem == nil:
		return nil
	case errors.Is(status.Problem, journal.ErrStarting):
		return newProblem(codeNotCaughtUp, fmt.Sprintf(
			"this node is still reading the log: it has %d of %d events", status.Applied, status.Head)).because(status.Problem)
	case errors.Is(status.Problem, journal.ErrLagging):
		return newProblem(codeNotCaughtUp, fmt.Sprintf(
			"this node lags behind: it has %d of %d events; use another until it has caught up", status.Applied, status.Head)).because(status.Problem)
	}
	return problemOf(status.Problem)
}
