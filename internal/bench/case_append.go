package bench

import (
	"context"
	"errors"
	"fmt"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// appends are commands of so many callers, each decided, appended, and part of the state
// when it is answered.
func (r *run) appends() (all []group) {
	for _, n := range r.settings.Callers {
		c := &Case{Name: fmt.Sprintf("append/%d", n), Title: fmt.Sprintf("deposits of %d callers, beside the same rows", n)}
		all = append(all, group{[]*Case{c}, func(ctx context.Context) error { return r.append(ctx, c, n) }})
		if n == 1 && r.driver.conditional != nil {
			c := &Case{Name: "append/1-conditional", Title: "deposits of one caller, beside single conditional INSERTs"}
			all = append(all, group{[]*Case{c}, func(ctx context.Context) error { return r.appendAlone(ctx, c) }})
		}
	}
	return all
}

// newNode starts the service on a log of the run's, with some accounts.
func (r *run) newNode(ctx context.Context, log string) (*node, error) {
	store, err := r.place.Open(ctx, log)
	if err != nil {
		return nil, err
	}
	n, err := start(ctx, store, journal.Config{})
	if err != nil {
		return nil, err
	}
	if err := n.open(ctx, paidAccounts); err != nil {
		return nil, errors.Join(err, n.stop())
	}
	n.reset()
	return n, nil
}

func (r *run) append(ctx context.Context, c *Case, n int) (err error) {
	node, err := r.newNode(ctx, fmt.Sprintf("append-%d", n))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.stop()) }()
	beside, err := r.driver.appends(ctx, n)
	if err != nil {
		return err
	}
	a := named{"commands of the service", callers(n, func(ctx context.Context, _ int, i int64) error { return node.pay(ctx, i) })}
	if err := r.compare(ctx, c, "events/s", rates, a, named{r.driver.appendsBy, beside}); err != nil {
		return err
	}
	c.add(figures(node)...)
	size, err := node.lastSize(ctx)
	c.add(Figure{Name: "event", Value: float64(size), Unit: "B"})
	return err
}

// lastSize is how large the newest event is.
func (n *node) lastSize(ctx context.Context) (int, error) {
	ev, err := n.service.Event(ctx, n.service.Applied())
	return eventstore.Event.Size(ev), err
}

func (r *run) appendAlone(ctx context.Context, c *Case) (err error) {
	node, err := r.newNode(ctx, "append-1-conditional")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.stop()) }()
	beside, err := r.driver.conditional(ctx)
	if err != nil {
		return err
	}
	a := named{"commands of the service", callers(1, func(ctx context.Context, _ int, i int64) error { return node.pay(ctx, i) })}
	return r.compare(ctx, c, "events/s", p50s, a, named{"INSERT … IF NOT EXISTS", beside})
}

// writers are several services on one log, beside one on another, with as many callers.
func (r *run) writers() (all []group) {
	for _, n := range []int{2, 3} {
		c := &Case{Name: fmt.Sprintf("writers/%d", n), Title: fmt.Sprintf("deposits of %d callers by %d competing writers, beside one", r.settings.WriterCallers, n)}
		all = append(all, group{[]*Case{c}, func(ctx context.Context) error { return r.compete(ctx, c, n) }})
	}
	return all
}

func (r *run) compete(ctx context.Context, c *Case, n int) (err error) {
	var nodes []*node // the last is by itself
	defer func() {
		for _, each := range nodes {
			err = errors.Join(err, each.stop())
		}
	}()
	for i := range n + 1 {
		log := fmt.Sprintf("writers-%d", n)
		if i == n {
			log = fmt.Sprintf("writers-%d-alone", n)
		}
		each, err := r.newNode(ctx, log)
		if err != nil {
			return err
		}
		nodes = append(nodes, each)
	}
	by := func(nodes []*node) side {
		return callers(r.settings.WriterCallers, func(ctx context.Context, caller int, i int64) error {
			return nodes[caller%len(nodes)].pay(ctx, i)
		})
	}
	err = r.compare(ctx, c, "events/s", rates,
		named{fmt.Sprintf("%d writers on one log", n), by(nodes[:n])}, named{"one writer", by(nodes[n:])})
	c.add(figures(nodes[:n]...)...)
	return err
}
