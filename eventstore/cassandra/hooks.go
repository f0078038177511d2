package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/gocql/gocql"
)

// What the driver calls: to say how far a request came, why a connection failed,
// who asks, and whatever else it has to say.

// sentMark travels in a context and learns whether a request made with it got as
// far as being written to a connection.
type sentMark struct{ sent atomic.Bool }

type sentKey struct{}

func withSentMark(ctx context.Context) (context.Context, *sentMark) {
	mark := new(sentMark)
	return context.WithValue(ctx, sentKey{}, mark), mark
}

// sentObserver sets the marks. The driver asks it with the context of the
// request itself; statements are prepared under another context and do not count.
type sentObserver struct{}

func (sentObserver) StreamContext(ctx context.Context) gocql.StreamObserverContext {
	if mark, ok := ctx.Value(sentKey{}).(*sentMark); ok {
		return mark
	}
	return nil
}

// StreamStarted is called just before the request is written.
func (m *sentMark) StreamStarted(gocql.ObservedStream)   { m.sent.Store(true) }
func (m *sentMark) StreamAbandoned(gocql.ObservedStream) {}
func (m *sentMark) StreamFinished(gocql.ObservedStream)  {}

// connectAttempts remembers why the last connection could not be made: the error
// that the driver gives out in the end has lost its type.
type connectAttempts struct{ failure atomic.Pointer[error] }

// ObserveConnect is called by the driver for every connection it tries.
func (a *connectAttempts) ObserveConnect(o gocql.ObservedConnect) {
	if o.Err != nil {
		a.failure.Store(&o.Err)
	}
}

func (a *connectAttempts) last() error {
	if err := a.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// errNoCredentials: the server wants to know who asks, and nobody told us.
var errNoCredentials = errors.New("the server asks for a user name and password, and none is configured")

// credentials answers the server's question who we are. It is asked only by
// servers that want to know.
type credentials struct{ username, password string }

func (c credentials) Challenge([]byte) ([]byte, gocql.Authenticator, error) {
	if c.username == "" {
		return nil, nil, errNoCredentials
	}
	return []byte("\x00" + c.username + "\x00" + c.password), nil, nil
}

func (c credentials) Success([]byte) error { return nil }

// lineLogger passes what the driver says on as single lines.
type lineLogger func(string)

func (l lineLogger) Print(v ...any)                 { l(strings.TrimSpace(fmt.Sprint(v...))) }
func (l lineLogger) Printf(format string, v ...any) { l(strings.TrimSpace(fmt.Sprintf(format, v...))) }
func (l lineLogger) Println(v ...any)               { l(strings.TrimSpace(fmt.Sprintln(v...))) }
