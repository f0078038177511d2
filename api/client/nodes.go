package client

import "sync/atomic"

// nodes are the addresses of a service's nodes. All goroutines ask the same one, until
// it fails one of them.
type nodes struct {
	urls    []string
	current atomic.Int64 // index of the one to ask
}

// ask gives the node to ask.
func (n *nodes) ask() int64 { return n.current.Load() }

// failed has the next node asked, unless somebody has seen to that already.
func (n *nodes) failed(node int64) {
	n.current.CompareAndSwap(node, (node+1)%int64(len(n.urls)))
}
