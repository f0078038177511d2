package api

import (
	"context"
	"errors"

	"openpayment/eventstore"
)

// fresh honours the headers of a read: it returns nil when the state is as new
// as the client wants it. Everything else about the request is to be checked
// before, and the state is to be read after.
func (c *call) fresh() error {
	const minPosition, consistency = "Min-Position", "Consistency"
	var least eventstore.Position
	if value, present, err := single(c.r.Header, minPosition); err != nil {
		return err
	} else if present {
		var ok bool
		if least, ok = parsePosition(value); !ok {
			return badHeader(minPosition, "takes the seq of an event, in digits")
		}
	}
	value, strong, err := single(c.r.Header, consistency)
	if err == nil && strong && value != "strong" {
		err = badHeader(consistency, "takes the value strong, or is left out")
	}
	if err != nil {
		return err
	}
	if err := c.await(least, strong); err != nil {
		return err
	}
	c.applied()
	return nil
}

// await waits until the state includes the event at least, and if strong, all
// there are now.
func (c *call) await(least eventstore.Position, strong bool) error {
	if least <= c.service.Applied() && !strong {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.context(), c.h.cfg.CatchUpTimeout)
	defer cancel()
	var err error
	if strong {
		err = c.service.CatchUp(ctx)
	}
	if err == nil {
		err = c.service.Wait(ctx, least)
	}
	if errors.Is(err, context.DeadlineExceeded) && eventstore.KindOf(err) == eventstore.KindOther {
		c.applied()
		return newProblem(codeNotCaughtUp,
			"this node has not received that much of the log yet, see Applied-Position: try again after Retry-After seconds").because(err)
	}
	return err
}
