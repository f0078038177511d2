package main

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/eventstore"
)

// newLogger writes lines with the keys severity, time and message first, as JSON
// or, for people, as text.
func newLogger(out io.Writer, level, format string) (*logrus.Logger, error) {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: debug, info, warning or error is expected", level)}
	}
	keys := logrus.FieldMap{
		logrus.FieldKeyLevel: "severity", logrus.FieldKeyTime: "time", logrus.FieldKeyMsg: "message",
	}
	const stamp = "2006-01-02T15:04:05.000Z07:00"
	log := logrus.New()
	log.SetOutput(out)
	log.SetLevel(parsed)
	switch format {
	case "json":
		log.SetFormatter(&logrus.JSONFormatter{FieldMap: keys, TimestampFormat: stamp})
	case "text":
		log.SetFormatter(&logrus.TextFormatter{FieldMap: keys, TimestampFormat: stamp, FullTimestamp: true})
	default:
		return nil, usageError{fmt.Errorf("--log-format %q: json or text is expected", format)}
	}
	return log, nil
}

// observe makes log lines of what Writer, Poller and subscribers do. The life of
// each event (published, received, processed, acknowledged) is told at debug
// level, and costs nothing above it.
func observe(log *logrus.Logger) eventstore.Observer {
	o := eventstore.Observer{
		Conflict: func(head eventstore.Head, events, attempt int) {
			log.WithFields(logrus.Fields{"head": head.Position, "events": events, "attempt": attempt}).
				Debug("another node appended first: deciding again")
		},
		InDoubt: func(head eventstore.Head, events, attempt int, err error) {
			log.WithFields(logrus.Fields{"head": head.Position, "events": events, "attempt": attempt, "error": err}).
				Warn("outcome of an append is unknown: repeating it")
		},
		Cleared: func(head eventstore.Head, events, doubts int, fate eventstore.Fate) {
			log.WithFields(logrus.Fields{"head": head.Position, "events": events, "attempts": doubts, "outcome": fate.String()}).
				Info("an append is in doubt no longer")
		},
		HandlerFailed: func(subscriber string, ev eventstore.Event, attempt int, retryIn time.Duration, err error) {
			eventLine(log, ev).WithFields(logrus.Fields{"subscriber": subscriber, "attempt": attempt, "retryIn": retryIn.String(), "error": err}).
				Warn("subscriber failed: the event will be delivered again")
		},
		ReadFailed: readFailed(log),
		Skewed: func(found *eventstore.SkewError) {
			if found == nil {
				log.Info("this machine's clock agrees with the store's again: commands are taken")
				return
			}
			log.WithField("error", found).Error("this machine's clock is wrong: no commands are taken until it is set")
		},
		Halted: func(who string, err error) {
			line := log.WithFields(logrus.Fields{"subscriber": who, "error": err})
			if at, ok := errors.AsType[*eventstore.HaltedAt](err); ok {
				line = line.WithFields(logrus.Fields{"seq": at.Seq, "eventType": at.Type})
			}
			line.Error("halted for good: this node takes no more commands; see the error, then restart")
		},
	}
	if !log.IsLevelEnabled(logrus.DebugLevel) {
		return o
	}
	o.Published = func(batch []eventstore.Event, took time.Duration) {
		for _, ev := range batch {
			eventLine(log, ev).WithField("took", took.String()).Debug("event published")
		}
	}
	step := func(message string) func(string, eventstore.Event) {
		return func(subscriber string, ev eventstore.Event) {
			eventLine(log, ev).WithField("subscriber", subscriber).Debug(message)
		}
	}
	o.Received, o.Processed, o.Acknowledged = step("event received"), step("event processed"), step("event acknowledged")
	return o
}

// repeatAfter is how long a failure that goes on is told at debug level only.
const repeatAfter = 10 * time.Second

// readFailed warns at once, and then now and again: during an outage every
// attempt to read fails.
func readFailed(log *logrus.Logger) func(who string, retryIn time.Duration, err error) {
	var mu sync.Mutex
	warned := map[string]time.Time{} // when, by subscriber; mu guards it
	return func(who string, retryIn time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		level := logrus.DebugLevel
		if time.Since(warned[who]) > repeatAfter {
			level, warned[who] = logrus.WarnLevel, time.Now()
		}
		log.WithFields(logrus.Fields{"subscriber": who, "retryIn": retryIn.String(), "error": err}).
			Log(level, "the log cannot be read: trying again")
	}
}

func eventLine(log *logrus.Logger, ev eventstore.Event) *logrus.Entry {
	fields := logrus.Fields{"eventId": ev.ID.String(), "eventType": ev.Type, "seq": ev.Seq}
	if number, ok := strings.CutPrefix(ev.Subject, "accounts/"); ok {
		fields["accountNumber"] = number
	}
	if id := ev.Meta.Get("requestId"); id != "" {
		fields["requestId"] = id
	}
	if trace := ev.Meta.Get("traceparent"); len(trace) == 55 {
		fields["traceId"] = trace[3:35]
	}
	return log.WithFields(fields)
}

// quietErrors takes what net/http complains about (a client that went away in
// the middle of a handshake, …): of interest when debugging only.
func quietErrors(log *logrus.Logger) *stdlog.Logger {
	return stdlog.New(debugWriter{log}, "", 0)
}

type debugWriter struct{ log *logrus.Logger }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.WithField("error", strings.TrimSpace(string(line))).Debug("http server")
	return len(line), nil
}
