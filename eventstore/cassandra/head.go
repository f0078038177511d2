package cassandra

import (
	"context"
	"fmt"

	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// selectHead reads the static columns alone: one row if the partition is there.
const selectHead = `SELECT DISTINCT log, bucket, head, head_hash FROM events WHERE log = ? AND bucket = ?`

// Head is [eventstore.Backend.Head].
//
// It reads the head of the latest bucket this handle knows through Paxos, and
// goes on to the next while the head it finds lies past the bucket's end. A
// bucket that is past its end never changes, so the pair "this one ends at H, the
// next one is not there" is true at the moment of the second read.
func (s *Store) Head(ctx context.Context) (eventstore.Head, error) {
	ctx, done, err := s.begin("head", ctx)
	if err != nil {
		return eventstore.Head{}, err
	}
	defer done()
	bucket := s.tail.Load()
	if bucket == nothingSeen {
		if bucket, err = s.lastBucket(ctx); err != nil {
			return eventstore.Head{}, err
		}
	}
	head, err := s.headFrom(ctx, bucket)
	if err != nil || head.Position > 0 || bucket == 0 {
		return head, err
	}
	// A bucket seen before is gone: the log went backwards. Say where it ends now.
	s.tail.Store(nothingSeen)
	if bucket, err = s.lastBucket(ctx); err != nil {
		return eventstore.Head{}, err
	}
	return s.headFrom(ctx, bucket)
}

// headFrom gives the head of the log, which is known to have reached bucket. If
// it has not, that is the zero Head.
func (s *Store) headFrom(ctx context.Context, bucket int64) (eventstore.Head, error) {
	var head eventstore.Head
	for {
		h, err := s.bucketHead(ctx, "head", bucket)
		if err != nil {
			return eventstore.Head{}, err
		}
		if h.Position == 0 {
			return head, nil
		}
		head = h
		s.saw(bucket)
		next := s.bucketAfter(head.Position)
		if next == bucket {
			return head, nil
		}
		bucket = next
	}
}

// bucketHead reads a bucket's head through Paxos: the zero Head if the bucket has
// not been opened.
func (s *Store) bucketHead(ctx context.Context, op string, bucket int64) (eventstore.Head, error) {
	session := s.link.session()
	var c headColumns
	read := session.serialRow
	if mutant.On(mutant.ReadsHeadWithoutPaxos) {
		read = session.row
	}
	found, err := read(ctx, selectHead, []any{s.log, bucket}, c.dest()...)
	if err != nil {
		s.link.check(session, err)
		return eventstore.Head{}, readError(op, err)
	}
	if !found {
		return eventstore.Head{}, nil
	}
	return c.head(op, s.bucketSize, bucket)
}

// headColumns is a row of selectHead.
type headColumns struct {
	log      string
	bucket   int64
	position *int64
	hash     []byte
}

func (c *headColumns) dest() []any { return []any{&c.log, &c.bucket, &c.position, &c.hash} }

// head makes a Head of the columns: KindDamaged where that is impossible.
func (c *headColumns) head(op string, bucketSize, bucket int64) (eventstore.Head, error) {
	if c.position == nil && c.hash == nil {
		return eventstore.Head{}, nil
	}
	var h eventstore.Head
	if c.position == nil || len(c.hash) != len(h.Hash) || *c.position <= bucket*bucketSize {
		return h, eventstore.NewError(op, eventstore.KindDamaged,
			fmt.Errorf("bucket %d: head and head_hash cannot be those of an event in it", bucket))
	}
	h.Position = eventstore.Position(*c.position)
	copy(h.Hash[:], c.hash)
	return h, nil
}

// lastBucket finds a bucket at or near the end of a log of which nothing is known
// yet. The probes are ordinary reads. They may miss a bucket opened just now,
// never invent one; headFrom finds the rest.
//
// Buckets are opened in order, so that one that is missing before others is lost,
// by a restore of some nodes only, say. What is left must not be taken for the
// log: it would be continued in the middle.
func (s *Store) lastBucket(ctx context.Context) (int64, error) {
	exists := func(bucket int64) (bool, error) { return s.bucketExists(ctx, bucket) }
	for {
		last, err := lastTrue(exists)
		if err != nil {
			return 0, err
		}
		beyond, err := anyBeyond(last, exists)
		if err != nil || beyond == 0 {
			return max(last, 0), err
		}
		// Others may have opened both since: then the next one is there by now.
		next, err := s.bucketHead(ctx, "head", last+1)
		if err != nil {
			return 0, err
		}
		if next.Position == 0 {
			return 0, s.lost("head", last+1, beyond)
		}
	}
}

// anyBeyond looks behind a gap: it probes ever farther beyond last+1, where is
// said false, and gives the first number for which it says true, 0 for none.
func anyBeyond(last int64, is func(int64) (bool, error)) (int64, error) {
	const farthest = 1 << 12 // 80 million events with buckets of the usual size
	for step := int64(1); step <= farthest; step *= 2 {
		if yes, err := is(last + 1 + step); err != nil || yes {
			return last + 1 + step, err
		}
	}
	return 0, nil
}

func (s *Store) lost(op string, bucket, beyond int64) error {
	return eventstore.NewError(op, eventstore.KindDamaged,
		fmt.Errorf("bucket %d of log %s is not there, though bucket %d is: rows are lost", bucket, s.log, beyond))
}

// lastTrue gives the last number for which is says true, -1 if there is none. is
// must say true up to there and false from there on, as it does for the existence
// of buckets, which are opened in order. It doubles its step until it is past the
// end and then halves the distance: some 25 questions for 5,000 buckets.
func lastTrue(is func(int64) (bool, error)) (int64, error) {
	low, high := int64(-1), int64(0) // low is true, or -1
	for past := false; !past || high-low > 1; {
		probe := high
		if past {
			probe = low + (high-low)/2
		}
		yes, err := is(probe)
		switch {
		case err != nil:
			return 0, err
		case !yes:
			high, past = probe, true
		case past:
			low = probe
		default:
			low, high = probe, probe*2+1
		}
	}
	return low, nil
}

func (s *Store) bucketExists(ctx context.Context, bucket int64) (bool, error) {
	session := s.link.session()
	var c headColumns
	found, err := session.row(ctx, selectHead, []any{s.log, bucket}, c.dest()...)
	if err != nil {
		s.link.check(session, err)
		return false, readError("head", err)
	}
	return found && c.position != nil, nil
}

// claimedHead is the position of a bucket's head by an ordinary read: 0 if the
// bucket has not been opened.
func (s *Store) claimedHead(ctx context.Context, bucket int64) (eventstore.Position, error) {
	ctx, done, err := s.begin("read", ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	session := s.link.session()
	var c headColumns
	found, err := session.row(ctx, selectHead, []any{s.log, bucket}, c.dest()...)
	if err != nil {
		s.link.check(session, err)
		return 0, readError("read", err)
	}
	if !found || c.position == nil {
		return 0, nil
	}
	return eventstore.Position(*c.position), nil
}
