package eventstore

import (
	"context"
	"time"
)

// saveWhenDue writes the durable cursor, at most once per saveInterval. A save
// that fails is reported and tried again when the next is due: the price is
// events delivered twice after a crash, which a subscriber has to stand anyway.
func (s *Subscription) saveWhenDue(ctx context.Context) {
	if s.cfg.Cursors != nil && time.Since(s.savedAt) >= saveInterval {
		s.save(ctx)
	}
}

// saveLast writes the cursor at the end, though ctx has ended.
func (s *Subscription) saveLast(ctx context.Context) {
	if s.cfg.Cursors == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s.save(ctx)
}

func (s *Subscription) save(ctx context.Context) {
	cursor := s.acked.get()
	if cursor == s.saved {
		return
	}
	s.savedAt = time.Now()
	if err := s.cfg.Cursors.SaveCursor(ctx, s.cfg.Name, cursor); err != nil {
		s.poller.cfg.Observer.readFailed(s.cfg.Name, saveInterval, err)
		return
	}
	s.saved = cursor
}
