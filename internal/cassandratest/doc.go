// Package cassandratest gives tests a real Cassandra: a shared server ([Hosts], [Keyspace]), a private one that may be stopped,
// killed, frozen and started again ([StartNode]), and a ring of three ([StartRing]).
//
// # Where the server comes from
//
// The first of these that works:
//
//  1. CASSANDRA_HOSTS=host[:port],... names servers that are there already. If they do not answer, tests fail: falling back to
//     another server would test something else than was asked for.
//  2. A Docker engine that answers within two seconds runs the image cassandra:5.0, through dockertest.
//  3. Java 17 and Maven run the server from its jars on Maven Central. They are kept in the user's cache directory, under
//     openpayment-test; once they are there, Java is enough and nothing is downloaded.
//
// What a test ran against, and why a preferred provider was passed over, is in the test's log.
//
// Without any of them tests are skipped, or fail with REQUIRE_CASSANDRA=1, as they should in continuous integration. A skip is
// loud. `go test ./...` hides the output of packages whose tests pass or skip, so the reasons and the names of the packages go
// to the stderr of the go command itself on Linux, else to the terminal (see announce). One silence remains: go caches a result
// with its skips and knows nothing of Docker or Java having been installed since. -count=1 runs the tests again, and so does
// any change of REQUIRE_CASSANDRA, CASSANDRA_HOSTS or PATH.
//
// # How long it lives
//
// `go test ./...` runs a process per package, several at a time. They share one server: the first that needs it starts it under
// a file lock and leaves a note for the others, in a directory named after the run. The run is the go command that is the
// parent of them all. A test binary without such a parent (started by hand, a debugger, an editor) is a run of its own.
//
// The server must outlive the test binary that started it and must not outlive the run, however that ends. That is what guardians
// are for: copies of the test binary, in sessions of their own, that do nothing but watch the run's process and, within a
// second of its end, kill the server or remove the container, and remove the data. Private nodes have guardians too, which
// watch the test binary. If a guardian is killed itself a container still ends after two hours; a server from jars does not,
// but that takes somebody who means to.
//
// # What it is not
//
// The servers are set up for tests: small heaps, generous timeouts, no fsync on write, snapshots off, no authentication unless
// a test sets it, loopback addresses. A killed server loses its memory but not what it wrote to files, so nothing here tests a
// power cut. Servers of our own need Linux, macOS or a BSD; only Linux is tested. Elsewhere there is CASSANDRA_HOSTS.
package cassandratest
