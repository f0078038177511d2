package sqlite

import (
	"fmt"
	"strings"

	"openpayment/eventstore"
	"openpayment/schema"
)

// What Examine reads is judged here, by functions that look at nothing else.

func judgeVersions(known, missing []schema.SQLiteVersion) eventstore.Finding {
	if len(missing) == 0 {
		return eventstore.Fine("schema", "version %d, the newest", len(known))
	}
	return eventstore.Finding{
		Check: "schema", Level: eventstore.LevelProblem, Detail: "it lacks " + names(missing),
		Fix: "start openpayment serve on it, which creates what is missing, or apply these files of schema/sqlite with the sqlite3 shell: " + files(missing),
	}
}

func judgeJournal(mode string, err error) eventstore.Finding {
	const check = "journal mode"
	switch {
	case err != nil:
		return eventstore.Amiss(check, err, fixOpen)
	case strings.EqualFold(mode, "wal"):
		return eventstore.Fine(check, "WAL")
	}
	return eventstore.Finding{
		Check: check, Level: eventstore.LevelWarning, Detail: mode + " instead of WAL: somebody has changed it",
		Fix: "start openpayment serve on it, which changes it back; without WAL reading and writing would wait for each other",
	}
}

// judgeSynchronous: 2 is FULL, 3 EXTRA. It is a property of each connection, and
// this one was made as a service makes its own.
func judgeSynchronous(value string, err error) eventstore.Finding {
	const check = "synchronous"
	switch {
	case err != nil:
		return eventstore.Amiss(check, err, fixOpen)
	case value == "2" || value == "3":
		return eventstore.Fine(check, "FULL: every commit is on the disk before it is acknowledged")
	}
	return eventstore.Finding{
		Check: check, Level: eventstore.LevelProblem, Detail: fmt.Sprintf("%s instead of 2 (FULL): acknowledged events may be lost with the power", value),
		Fix: "this program asks for FULL and does not get it: use a build of it that is not modified",
	}
}

func judgeIntegrity(faults []string, err error) eventstore.Finding {
	const check = "integrity"
	const fix = "stop the service, keep the file as it is, and restore a backup into another one"
	switch {
	case err != nil:
		return eventstore.Amiss(check, err, fix)
	case len(faults) == 0:
		return eventstore.Fine(check, "SQLite's quick_check finds nothing wrong")
	}
	return eventstore.Finding{Check: check, Level: eventstore.LevelProblem, Detail: "quick_check: " + strings.Join(faults, "; "), Fix: fix}
}

// The sizes from which on something is said.
const (
	walWarning  = 256 << 20 // a hundred times of what it has when somebody looks after it
	freeWarning = 1 << 30
	freeProblem = 100 << 20
)

func judgeSize(file, wal int64) eventstore.Finding {
	f := eventstore.Fine("size", "%s, and %s in the -wal file beside it", mebibytes(file), mebibytes(wal))
	if wal > walWarning {
		f.Level = eventstore.LevelWarning
		f.Fix = "the -wal file does not get emptied: end whoever has been reading the file for long (a sqlite3 shell, a backup); it shrinks when the last one who has the file open closes it"
	}
	return f
}

// judgeDisk judges the file system; of one that is not known there is little to
// say.
func judgeDisk(d disk, err error) []eventstore.Finding {
	const check = "disk space"
	if err != nil {
		return []eventstore.Finding{eventstore.Fine(check, "not known: %v", err)}
	}
	f := eventstore.Fine(check, "%s are free", mebibytes(d.free))
	switch {
	case d.free < freeProblem:
		f.Level = eventstore.LevelProblem
	case d.free < freeWarning:
		f.Level = eventstore.LevelWarning
	}
	if f.Level != eventstore.LevelOK {
		f.Fix = "make room, or move the log to a larger disk with openpayment log copy: when the disk is full, every command is answered with store-unavailable"
	}
	if d.network == "" {
		return []eventstore.Finding{f}
	}
	return []eventstore.Finding{f, {
		Check: "file system", Level: eventstore.LevelProblem, Detail: "the file is on a network file system (" + d.network + "), whose locks SQLite can't rely on",
		Fix: "stop the service, and move the log to a local disk with openpayment log copy",
	}}
}

func mebibytes(n int64) string {
	const mebi = 1 << 20
	if n > 0 && n < mebi {
		return "less than 1 MiB"
	}
	return fmt.Sprintf("%d MiB", n/mebi)
}
