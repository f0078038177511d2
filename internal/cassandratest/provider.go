package cassandratest

import (
	"context"
	"fmt"
	"strings"
)

// A provider is a way to have a Cassandra of our own.
type provider struct {
	name string
	// create prepares a server. Its error says what is missing.
	create func(ctx context.Context, c config) (server, error)
}

// providers returns the ways to have a server, the preferred one first.
func providers() []provider {
	return []provider{
		{"Docker image " + imageName + ":" + imageTag, newContainer},
		jarProvider(),
	}
}

func jarProvider() provider { return provider{"Maven Central's jars of " + Version, newJarServer} }

// newJarServer returns a server run from jars.
func newJarServer(ctx context.Context, c config) (server, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	lib, err := findJars(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.write(); err != nil {
		return nil, err
	}
	return &jarServer{config: c, command: c.command(java, lib)}, nil
}

// A launched server, and what is worth saying about it in a test's log.
type launched struct {
	server
	cluster string
	about   string // "Cassandra 5.0.9 (Docker ...)"
	// passedOver says why preferred providers were not the one.
	passedOver []string
}

// An unavailable error lists all the providers that were tried and why none worked.
type unavailable struct{ reasons []string }

func (u *unavailable) Error() string {
	return "no Cassandra can be had:\n  - " + strings.Join(u.reasons, "\n  - ")
}

// launch starts a server with the first provider that works. The error is an *unavailable.
func launch(ctx context.Context, from []provider, c config) (launched, error) {
	failed := &unavailable{}
	for _, p := range from {
		l, err := launchWith(ctx, p, c)
		if err == nil {
			l.passedOver = failed.reasons
			return l, nil
		}
		failed.reasons = append(failed.reasons, p.name+": "+err.Error())
	}
	return launched{}, failed
}

// launchWith starts a server with one provider. It takes other ports and tries again when another process was faster to bind
// one, as only the binding itself makes it ours.
func launchWith(ctx context.Context, p provider, c config) (launched, error) {
	fixed := c.port != 0
	for attempt := 1; ; attempt++ {
		if !fixed {
			if err := c.choosePorts(); err != nil {
				return launched{}, err
			}
		}
		s, err := p.create(ctx, c)
		if err != nil {
			return launched{}, err
		}
		version, err := s.start(ctx)
		if err == nil {
			return launched{server: s, cluster: c.cluster(), about: fmt.Sprintf("Cassandra %s (%s)", version, p.name)}, nil
		}
		s.discard()
		if fixed || !portTaken(err) || attempt == 3 {
			return launched{}, err
		}
	}
}

func (c *config) choosePorts() (err error) {
	if c.port, err = FreePort(c.address); err != nil {
		return err
	}
	for c.storagePort = c.port; c.storagePort == c.port; {
		if c.storagePort, err = FreePort(c.address); err != nil {
			return err
		}
	}
	return nil
}
