package eventstore

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Finding is what somebody who examined a store saw at one place.
type Finding struct {
	Check  string `json:"check"` // what was looked at, in a word or three
	Level  Level  `json:"level"`
	Detail string `json:"detail"`        // what was seen
	Fix    string `json:"fix,omitempty"` // what to do about it; empty if nothing is wrong
}

// Level says how bad a [Finding] is.
type Level uint8

const (
	// LevelOK: as it should be, or of no consequence.
	LevelOK Level = iota
	// LevelWarning: it works, but something will go wrong some day, or be slow, or
	// be lost with bad luck.
	LevelWarning
	// LevelProblem: it does not work, or what was acknowledged is not safe.
	LevelProblem
)

var levelNames = [...]string{LevelOK: "ok", LevelWarning: "warning", LevelProblem: "problem"}

// String is the level in a word.
func (l Level) String() string { return levelNames[l] }

// MarshalText implements [encoding.TextMarshaler].
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *Level) UnmarshalText(text []byte) error {
	for level, name := range levelNames {
		if name == string(text) {
			*l = Level(level)
			return nil
		}
	}
	return fmt.Errorf("%q is not a level", text)
}

// Fine is a finding with nothing to fix.
func Fine(check, format string, args ...any) Finding {
	return Finding{Check: check, Detail: fmt.Sprintf(format, args...)}
}

// Amiss is the finding that err was in the way, on one line.
func Amiss(check string, err error, fix string) Finding {
	return Finding{Check: check, Level: LevelProblem, Detail: strings.ReplaceAll(cause(err).Error(), "\n", "; "), Fix: fix}
}

// cause is what an [Error] says beside its operation and kind, which mean nothing
// to a reader of findings.
func cause(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// The differences between clocks from which on something is said about them. Times
// in a log never go back, so a clock that is wrong for a moment marks all events
// until the others have caught up with it.
const (
	ClockWarning = time.Second
	ClockProblem = 5 * time.Second
)

// ClockLevel judges how far two clocks are apart, whichever is ahead.
func ClockLevel(apart time.Duration) Level {
	switch apart = apart.Abs(); {
	case apart > ClockProblem:
		return LevelProblem
	case apart > ClockWarning:
		return LevelWarning
	}
	return LevelOK
}
