package cassandra

import (
	"context"
	"sync"
	"time"
)

// link holds the session in use and replaces it when it is lost. The driver
// reconnects to single nodes by itself, but a session that has lost all of them
// may stay without any for good.
type link struct {
	cfg  Config
	stop context.CancelFunc
	life context.Context
	busy sync.WaitGroup // the goroutine that makes a new session

	mu       sync.Mutex // protects what follows
	current  *session
	renewing bool
	next     time.Time // not before this is another session made
}

// renewPause is the least time between two attempts to make a new session: each
// costs every node a handshake.
const renewPause = time.Second

func newLink(cfg Config, s *session) *link {
	life, stop := context.WithCancel(context.Background())
	return &link{cfg: cfg, current: s, life: life, stop: stop}
}

// session gives the one in use. It stays usable, if only to fail, until the call
// that got it has reported its error with check.
func (l *link) session() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// check looks at an error of session s, and has a new session made if that is
// what it takes. It does not wait: the caller reports its error, and is served
// when it asks again.
func (l *link) check(s *session, err error) {
	if err == nil || !sessionLost(err) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s != l.current || l.renewing || l.life.Err() != nil || time.Now().Before(l.next) {
		return
	}
	l.renewing = true
	l.busy.Go(func() { l.renew(s) })
}

// renew makes one attempt. Its owner is the link, which waits for it in close.
func (l *link) renew(old *session) {
	ctx, cancel := context.WithTimeout(l.life, l.cfg.ConnectTimeout+l.cfg.Timeout)
	defer cancel()
	fresh, err := connect(ctx, l.cfg, l.cfg.Keyspace)
	l.mu.Lock()
	l.renewing = false
	l.next = time.Now().Add(renewPause)
	if err == nil {
		l.current = fresh
	}
	l.mu.Unlock()
	if err != nil {
		l.cfg.Log("all connections to Cassandra are lost; new ones could not be made: " + err.Error())
		return
	}
	// Calls that still hold the old session find it closed, as it practically was.
	old.close()
	l.cfg.Log("all connections to Cassandra were lost; they have been made anew")
}

// close ends an attempt under way and closes the session.
func (l *link) close() {
	l.stop()
	l.busy.Wait()
	l.session().close()
}
