// Command cassandra-server runs a real Cassandra on this machine until it is interrupted, for trying OpenPayment out where there
// is no Docker. It needs Java 17, and Maven for the first start, which downloads the server.
//
//	go run ./internal/cassandratest/cassandra-server [-port 9042] [-dir folder]
//
// It listens on 127.0.0.1 only, without authentication. It is one node without replication: not a place for data that matter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"openpayment/internal/cassandratest"
)

func main() {
	port := flag.Int("port", 9042, "port for CQL `clients`")
	dir := flag.String("dir", "", "`folder` to keep the data in (default: a temporary one, removed afterwards)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("starting Cassandra %s ...\n", cassandratest.Version)
	err := cassandratest.Serve(ctx, *port, *dir, func(version, hostPort string) {
		fmt.Printf("Cassandra %s answers at %s; Ctrl-C ends it\n", version, hostPort)
	})
	// An interrupt while it starts ends it too, and that is no error.
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cassandra-server:", err)
		os.Exit(1)
	}
}
