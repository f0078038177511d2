package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

const (
	// advanceHead moves the head of an open bucket, openBucket sets that of a new
	// one. They carry the condition for the whole batch.
	advanceHead = `UPDATE events SET head = ?, head_hash = ? WHERE log = ? AND bucket = ? IF head = ? AND head_hash = ?`
	openBucket  = `UPDATE events SET head = ?, head_hash = ? WHERE log = ? AND bucket = ? IF head = null`
	insertEvent = `INSERT INTO events (log, bucket, seq, id, type, subject, time, meta, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// Append is [eventstore.Backend.Append].
//
// A batch after head H goes into bucket H / bucketSize. Mostly that bucket's head
// is H, and the condition says so. Otherwise the bucket has to be opened, with
// the condition that it has no head yet. That says nothing about where the
// bucket before it ended, and two nodes, one of them behind by part of an
// overshoot, would fork the log (bucket size 10):
//
//	A: append 9…12 to bucket 0     B: has read up to 10 so far
//	                               B: append 11 to bucket 1 IF head = null  → applied!
//
// So the head of the bucket before must be read first, through Paxos, and be
// exactly H. Reading and then opening is safe although they are two steps: a
// bucket whose head has reached its end never changes again.
func (s *Store) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	if err := s.checkBatch(head, batch); err != nil {
		return eventstore.NewError("append", eventstore.KindInvalid, err)
	}
	ctx, done, err := s.begin("append", ctx)
	if err != nil {
		return err
	}
	defer done()
	bucket := s.bucketAfter(head.Position)
	// The event at the very end of a bucket's numbers stands in the bucket before.
	if int64(head.Position)%s.bucketSize != 0 {
		v, err := s.compareAndSet(ctx, bucket, head, batch, false)
		if err != nil || v.applied {
			return err
		}
		if v.exists || bucket == 0 {
			return s.conflict(head, v)
		}
	}
	if err := s.closedAt(ctx, bucket-1, head); err != nil && !mutant.On(mutant.OpensBucketBlindly) {
		return err
	}
	if err := s.notLost(ctx, bucket); err != nil {
		return err
	}
	v, err := s.compareAndSet(ctx, bucket, head, batch, true)
	if err != nil || v.applied {
		return err
	}
	return s.conflict(head, v)
}

// closedAt makes sure that a bucket ends exactly at head: KindConflict if not.
// Nothing was sent that could change anything.
func (s *Store) closedAt(ctx context.Context, bucket int64, head eventstore.Head) error {
	var end eventstore.Head // of an empty log, which the first bucket follows
	if bucket >= 0 {
		var err error
		if end, err = s.bucketHead(ctx, "append", bucket); err != nil {
			return err
		}
	}
	if end != head {
		return eventstore.NewError("append", eventstore.KindConflict,
			fmt.Errorf("bucket %d ends at event %d, not as expected at event %d", bucket, end.Position, head.Position))
	}
	return nil
}

// notLost makes sure that a bucket about to be opened has no successor: else it
// was there once, and opening it again would fork the log. One ordinary read for
// each bucket.
func (s *Store) notLost(ctx context.Context, bucket int64) error {
	beyond, err := s.bucketExists(ctx, bucket+1)
	if err != nil || !beyond {
		return err
	}
	// Other nodes may have filled the bucket since: then this is a lost race.
	now, err := s.bucketHead(ctx, "append", bucket)
	if err != nil || now.Position > 0 {
		return err
	}
	return s.lost("append", bucket, bucket+1)
}

// compareAndSet sends the batch to a bucket, once.
func (s *Store) compareAndSet(ctx context.Context, bucket int64, head eventstore.Head, batch []eventstore.Event, open bool) (verdict, error) {
	session := s.link.session()
	v, sent, err := session.compareAndSet(ctx, s.statements(bucket, head, batch, open))
	if err != nil {
		s.link.check(session, err)
		return verdict{}, conditionalError("append", err, sent)
	}
	if v.applied || v.exists {
		s.saw(bucket)
	}
	return v, nil
}

func (s *Store) statements(bucket int64, head eventstore.Head, batch []eventstore.Event, open bool) []statement {
	last := batch[len(batch)-1]
	condition := statement{openBucket, []any{int64(last.Seq), last.Hash[:], s.log, bucket}}
	if !open {
		condition = statement{advanceHead, append(condition.args, int64(head.Position), head.Hash[:])}
		if mutant.On(mutant.AppendsAnywhere) {
			condition = statement{strings.Replace(advanceHead, "IF head = ? AND head_hash = ?", "IF head > 0", 1), condition.args[:4]}
		}
	}
	statements := make([]statement, 1, 1+len(batch))
	statements[0] = condition
	c := newCells(batch, s.log)
	log, at := c.text(s.log), c.number(bucket)
	args := make([]any, 0, len(batch)*(eventCells+2))
	for i := range batch {
		ev := &batch[i]
		args = append(args, log, at, c.number(int64(ev.Seq)), c.blob(ev.ID[:]), c.text(ev.Type), c.text(ev.Subject),
			c.number(ev.Time.UnixMilli()), c.texts(ev.Meta), c.text(ev.Data), c.blob(ev.Hash[:]))
		statements = append(statements, statement{insertEvent, args[len(args)-eventCells-2:]})
	}
	return statements
}

// checkBatch refuses what could not be stored as it is or would break the layout.
func (s *Store) checkBatch(head eventstore.Head, batch []eventstore.Event) error {
	if len(batch) == 0 {
		return errors.New("the batch is empty")
	}
	if most := maxBatch(s.bucketSize); len(batch) > most {
		return fmt.Errorf("the batch has %d events; %d are allowed", len(batch), most)
	}
	if head.Position < 0 {
		return fmt.Errorf("there is no position %d", head.Position)
	}
	size := 0
	for i, ev := range batch {
		if want := head.Position + eventstore.Position(i) + 1; ev.Seq != want {
			return fmt.Errorf("event %d of the batch has position %d, not %d", i+1, ev.Seq, want)
		}
		size += ev.Size()
	}
	if size > eventstore.MaxBatchBytes {
		return fmt.Errorf("the batch has %d bytes; %d are allowed", size, eventstore.MaxBatchBytes)
	}
	return nil
}

func (s *Store) conflict(head eventstore.Head, v verdict) error {
	cause := fmt.Errorf("event %d is not the head of its bucket", head.Position)
	if v.exists {
		cause = fmt.Errorf("the head is event %d, not as expected event %d with that hash", v.head, head.Position)
	}
	return eventstore.NewError("append", eventstore.KindConflict, cause)
}
