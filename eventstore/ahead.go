package eventstore

import (
	"context"
	"iter"
)

const (
	// readPlain is how many events of a long read are read as they are asked for:
	// most reads are short, and not worth a goroutine.
	readPlain = 1000
	// aheadChunk is how many events change hands at once, and aheadChunks how many
	// such chunks may wait: what is read and verified while the consumer works.
	aheadChunk, aheadChunks = 250, 4
)

// ahead yields what read yields, which is run in a goroutine of its own, some
// hundreds of events before the consumer. The goroutine ends with the range over
// the result.
func ahead(ctx context.Context, read func(context.Context) iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		chunks := make(chan []Event, aheadChunks)
		used := make(chan []Event, aheadChunks+2) // all there are: the waiting, the one being filled, the consumer's
		var failed error                          // of read; written before chunks is closed
		go func() {
			defer close(chunks)
			failed = fill(ctx, read(ctx), chunks, used)
		}()
		defer func() { // also when the consumer has had enough, or panics
			cancel()
			for range chunks {
				continue
			}
		}()
		for chunk := range chunks {
			for i := range chunk {
				if !yield(chunk[i], nil) {
					return
				}
			}
			used <- chunk[:0]
		}
		if failed != nil {
			yield(Event{}, failed)
		}
	}
}

// fill sends events in chunks, which it takes from used where there are any, and gives the
// error that ended them.
func fill(ctx context.Context, events iter.Seq2[Event, error], chunks chan<- []Event, used <-chan []Event) error {
	empty := func() []Event {
		select {
		case chunk := <-used:
			return chunk
		default:
			return make([]Event, 0, aheadChunk)
		}
	}
	chunk := empty()
	send := func() error {
		if len(chunk) == 0 {
			return nil
		}
		select {
		case chunks <- chunk:
		case <-ctx.Done(): // nothing may come behind what is left out here
			return newError("read", KindUnavailable, ctx.Err())
		}
		chunk = empty()
		return nil
	}
	for ev, err := range events {
		if err == nil {
			if chunk = append(chunk, ev); len(chunk) < aheadChunk {
				continue
			}
		}
		if sent := send(); sent != nil { // what stands before an error comes first
			return sent
		}
		if err != nil {
			return err
		}
	}
	return send()
}
