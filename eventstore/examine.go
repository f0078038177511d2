package eventstore

import (
	"context"
	"time"
)

// Examine looks at the end of the log that b stores: whether its head can be read,
// and whether its newest event is one that can be at the time now. What lies behind
// is for those who read it all.
func Examine(ctx context.Context, b Backend, now time.Time) []Finding {
	log := NewLog(b)
	head, err := log.Head(ctx)
	if err != nil {
		return []Finding{Amiss("head", err, unreadable(err))}
	}
	if head.Position == 0 {
		return []Finding{Fine("head", "the log is empty")}
	}
	found := Fine("head", "event %d, hash %s", head.Position, head.Hash)
	newest, err := log.Page(ctx, head.Position-1, head.Position, 1)
	if err != nil {
		return []Finding{found, Amiss("newest event", err, unreadable(err))}
	}
	if newest[0].Head() != head {
		found.Level, found.Detail = LevelProblem, "its hash is not that of the newest event"
		found.Fix = verifyFix
	}
	return []Finding{found, judgeNewest(newest[0].Time, now)}
}

const verifyFix = "run openpayment log verify, which names everything that is wrong; keep the store as it is, and restore a backup into another one"

// unreadable says what to do about an error of reading the log.
func unreadable(err error) string {
	if IsKind(err, KindDamaged) || IsKind(err, KindMissing) {
		return verifyFix
	}
	return "see to it that the store answers: the other findings may say why it does not"
}

// judgeNewest judges the time of a log's newest event by this machine's clock.
func judgeNewest(at, now time.Time) Finding {
	const check = "newest event"
	ahead := at.Sub(now)
	if ClockLevel(max(ahead, 0)) == LevelOK {
		return Fine(check, "of %s, %s ago", at.Format(time.RFC3339), max(-ahead, 0).Round(time.Second))
	}
	f := Fine(check, "of %s, which is %s in the future of this machine's clock", at.Format(time.RFC3339), ahead.Round(time.Millisecond))
	f.Level = ClockLevel(ahead)
	f.Fix = "set the clocks by NTP: this machine's is slow, or that of the node which wrote the event was fast; until they have caught up, all new events get that event's time"
	return f
}
