package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// dieAt, in the environment of this test's own binary, makes it the service, which
// ends as if by kill -9 when it comes to that stage of taking a snapshot.
const dieAt = "OPENPAYMENT_TEST_DIE_AT"

// stages are all there are, in their order, and how many whole snapshots there are
// then of two that were there before, if two are kept.
var stages = []struct {
	name  string
	whole int
}{
	{"before chunk 0", 2}, {"after chunk 0", 2}, {"before chunk 1", 2}, {"after chunk 1", 2},
	{"before manifest", 2}, {"after manifest", 3}, {"before drop", 3}, {"after drop", 2},
}

// serveUntil is the program, for as long as it lives.
func serveUntil(stage string) int {
	reached := func(name string) {
		if name == stage {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	aroundSnapshots = func(s eventstore.SnapshotStore) eventstore.SnapshotStore {
		f := eventstoretest.NewFaultySnapshots(s)
		f.OnSaveChunk(func(ctx context.Context, id uuid.UUID, number int, data []byte, next eventstoretest.SaveChunkFunc) error {
			reached(fmt.Sprintf("before chunk %d", number))
			err := next(ctx, id, number, data)
			reached(fmt.Sprintf("after chunk %d", number))
			return err
		})
		f.OnSaveManifest(func(ctx context.Context, m eventstore.Manifest, next eventstoretest.SaveManifestFunc) error {
			reached("before manifest")
			err := next(ctx, m)
			reached("after manifest")
			return err
		})
		f.OnDropSnapshot(func(ctx context.Context, id uuid.UUID, next eventstoretest.DropSnapshotFunc) error {
			reached("before drop")
			err := next(ctx, id)
			reached("after drop")
			return err
		})
		return f
	}
	return run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
}

func TestKill9AtAnyStageOfASnapshotDoesNoHarm(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store, "--snapshot-keep", "2")
		for i := 1; i <= 4; i++ {
			p.open(i, i)
			if i%2 == 0 {
				p.snapshot() // at 2, and at 4
			}
		}
		p.Kill()
		last := 4
		for _, stage := range stages {
			t.Log(stage.name)
			p := launchProgram(t, os.Args[0], []string{dieAt + "=" + stage.name}, "--store", store, "--snapshot-keep", "2")
			p.waitReady()
			last++
			p.open(last, last)
			want := p.state()
			if _, err := p.do("POST", "/v1/admin/snapshots", ""); err == nil {
				t.Errorf("%s: it lives on\n%s", stage.name, p.Log())
			}
			ended := p.End()
			if status, ok := ended.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Errorf("%s: it ended by itself: %v", stage.name, ended)
			}
			if n := strings.Count(succeed(t, "snapshot", "list", "--json", "--store", store), `"intact": true`); n != stage.whole {
				t.Errorf("%s: %d whole snapshots, want %d", stage.name, n, stage.whole)
			}

			p = start(t, "--store", store, "--snapshot-keep", "2")
			if got := p.state(); got != want {
				t.Errorf("%s: before %s\nafter  %s", stage.name, want, got)
			}
			if stage.whole == 2 && len(p.logged("state restored from a snapshot")) != 1 {
				t.Errorf("%s: not restored\n%s", stage.name, p.Log())
			}
			p.must(http.StatusCreated, "POST", "/v1/admin/snapshots", "")
			if got := p.state(); got != want {
				t.Errorf("%s: before %s\nafter  %s", stage.name, want, got)
			}
			p.Kill()
		}
		succeed(t, "snapshot", "verify", "--store", store)
		succeed(t, "log", "verify", "--store", store)
	})
}
