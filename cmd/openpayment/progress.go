package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress is a line on a terminal that says how far something has come. Where
// nobody looks it says nothing.
type progress struct {
	out         io.Writer
	done, total atomic.Int64
	stop        chan struct{}
	stopped     sync.WaitGroup
	once        sync.Once
}

const progressInterval = 200 * time.Millisecond

// startProgress begins to tell. end must be called; the goroutine ends with it.
func startProgress(stderr io.Writer) *progress {
	p := &progress{out: stderr, stop: make(chan struct{})}
	if onTerminal(stderr) {
		p.stopped.Go(p.run)
	}
	return p
}

func (p *progress) run() {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for begin := time.Now(); ; {
		select {
		case <-p.stop:
			fmt.Fprint(p.out, "\r\x1b[K")
			return
		case <-tick.C:
			fmt.Fprint(p.out, "\r\x1b[K"+progressLine(p.done.Load(), p.total.Load(), time.Since(begin)))
		}
	}
}

// end removes the line. It may be called twice.
func (p *progress) end() {
	p.once.Do(func() { close(p.stop) })
	p.stopped.Wait()
}

// progressLine says how far, how fast, and how long it will still take; a total
// of 0 is not known.
func progressLine(done, total int64, passed time.Duration) string {
	rate := float64(done) / max(passed.Seconds(), 0.001)
	if total <= 0 {
		return fmt.Sprintf("%d events  %.0f/s", done, rate)
	}
	const width = 30
	part := min(float64(done)/float64(total), 1)
	full := int(part * width)
	line := fmt.Sprintf("[%s%s] %3.0f %%  %d of %d events  %.0f/s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		100*part, done, total, rate)
	if rate > 0 && done < total {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		line += "  " + left.Round(time.Second).String() + " left"
	}
	return line
}
