// Package pause waits in a way that can be cut short.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends; it tells whether d has passed.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
