// Package architecture keeps the shape of the module: who may import whom, and
// the habits that a compiler does not know of. It holds nothing but tests.
//
// The arrows point inwards. The domain (account) knows only the standard library;
// eventstore knows nothing of accounts; each backend knows one technology and no
// other backend; only cmd/openpayment knows everything. A package that is not in
// the table below fails the test: it has to be thought about first.
package architecture

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "openpayment"

// rule says what a package may import beside the standard library: packages of
// this module and others, by exact path; a path that ends in "/..." stands for
// everything below it, and for itself.
type rule struct {
	pkg string // below the module; likewise
	may []string
}

var (
	uuid  = "github.com/google/uuid"
	jsonX = "github.com/go-json-experiment/json/..."
	gocql = "github.com/gocql/gocql/..."
)

// anybody may import these: they are nothing in a program for use.
var anybody = []string{module + "/internal/mutant"}

// The first rule that names a package is its rule.
var rules = []rule{
	{"account", nil},
	{"account/journal", []string{
		module + "/account", module + "/eventstore", module + "/eventstore/subscriptions", module + "/internal/both", module + "/internal/pause", uuid, jsonX,
		"github.com/fxamacker/cbor/v2", "github.com/klauspost/compress/zstd", "golang.org/x/sync/errgroup",
	}},
	{"account/generator", []string{module + "/account", module + "/account/journal", module + "/eventstore", uuid}},
	{"eventstore", []string{uuid, module + "/internal/both", module + "/internal/pause"}},
	{"eventstore/memory", []string{module + "/eventstore", uuid}},
	{"eventstore/sqlite", []string{module + "/eventstore", module + "/schema", uuid, "modernc.org/sqlite/..."}},
	{"eventstore/cassandra", []string{module + "/eventstore", module + "/schema", module + "/internal/nearest", module + "/internal/pause", uuid, gocql}},
	{"eventstore/subscriptions", []string{module + "/eventstore", uuid}},
	{"eventstore/audit", []string{module + "/eventstore", "golang.org/x/sync/errgroup"}},
	{"eventstore/transfer", []string{module + "/eventstore", module + "/internal/pause", uuid, jsonX}},
	{"eventstore/eventstoretest", []string{module + "/eventstore", uuid, "pgregory.net/rapid", "golang.org/x/sync/errgroup"}},
	{"api/access", []string{"go.yaml.in/yaml/v3", "golang.org/x/time/rate"}},
	{"api", []string{
		module + "/account", module + "/account/journal", module + "/api/access", module + "/api/docs", module + "/api/openapi", module + "/eventstore", module + "/eventstore/subscriptions", module + "/internal/both", module + "/internal/nearest",
		"github.com/gorilla/mux", "github.com/sirupsen/logrus", uuid, jsonX,
	}},
	// Other teams' programs import it: it brings nothing of the service along.
	{"api/client", []string{module + "/internal/pause", uuid}},
	{"api/openapi", []string{jsonX, "go.yaml.in/yaml/v3"}},
	{"api/docs", []string{"github.com/swaggest/swgui/v5/static"}},
	{"schema", nil},
	{"internal/both", nil},
	{"internal/pause", nil},
	{"internal/mutant", nil},
	{"internal/nearest", []string{"github.com/agnivade/levenshtein"}},
	{"internal/metrics", []string{
		module + "/account/journal", module + "/api", module + "/eventstore", module + "/eventstore/cassandra", module + "/eventstore/subscriptions", uuid,
		"github.com/prometheus/client_golang/...", "github.com/prometheus/client_model/go",
	}},
	// What it measures is beside what the drivers alone do.
	{"internal/bench", []string{
		module + "/account", module + "/account/generator", module + "/account/journal", module + "/api", module + "/api/client",
		module + "/eventstore", module + "/eventstore/cassandra", module + "/eventstore/memory", module + "/eventstore/sqlite", module + "/eventstore/transfer", module + "/schema",
		uuid, jsonX, gocql, "github.com/HdrHistogram/hdrhistogram-go", "github.com/gorilla/mux", "golang.org/x/sync/errgroup", "modernc.org/sqlite",
	}},
	{"internal/leaktest", []string{"go.uber.org/goleak"}},
	{"internal/tracing", []string{module + "/api", module + "/eventstore", "go.opentelemetry.io/otel/..."}},
	{"internal/faults/torture", []string{module + "/internal/faults/figures", "github.com/spf13/pflag"}},
	{"internal/...", []string{
		module + "/account/...", module + "/api/...", module + "/eventstore/...", module + "/internal/...", module + "/schema/...",
		uuid, jsonX, gocql, "github.com/anishathalye/porcupine", "github.com/ory/dockertest/v3/...", "pgregory.net/rapid", "github.com/getkin/kin-openapi/...",
	}},
	{"cmd/...", []string{"..."}},
}

// testsOnly are packages for tests; nothing that is shipped imports them.
var testsOnly = []string{"testing", module + "/eventstore/eventstoretest", module + "/internal/architecture", module + "/internal/cassandratest/...", module + "/internal/certtest", module + "/internal/faults/...", module + "/internal/leaktest", module + "/internal/openapitest", module + "/internal/servicetest", "github.com/anishathalye/porcupine", "pgregory.net/rapid"}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	Imports    []string // of the files that are shipped
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,Doc,Imports,GoFiles", module+"/...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// root is the module's directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	below, tree := strings.CutSuffix(pattern, "/...")
	return path == below || tree && strings.HasPrefix(path, below+"/")
}

func anyMatches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// standard tells a package of the standard library: its path has no domain.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != module && path != "C"
}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.pkg, name) })
		if i < 0 {
			t.Errorf("%s has no rule: which packages may it import?", name)
			continue
		}
		for _, imported := range p.Imports {
			if !standard(imported) && !anyMatches(rules[i].may, imported) && !anyMatches(anybody, imported) {
				t.Errorf("%s imports %s, which it may not", name, imported)
			}
			if !anyMatches(testsOnly, p.ImportPath) && anyMatches(testsOnly, imported) {
				t.Errorf("%s is shipped and imports %s, which is for tests", name, imported)
			}
			if strings.HasPrefix(imported, module+"/cmd") {
				t.Errorf("%s imports %s: nothing does", name, imported)
			}
		}
	}
}

// A test of the test: were matching wrong, everything might pass.
func TestTheRulesTellPackagesApart(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"account", "account", true}, {"account", "account/journal", false}, {"account", "accounts", false},
		{"internal/...", "internal/x/y", true}, {"internal/...", "internal", true}, {"internal/...", "internals", false}, {"...", "x", true},
	} {
		if got := matches(c.pattern, c.path); got != c.want {
			t.Errorf("%q matches %q: %t", c.pattern, c.path, got)
		}
	}
	for path, want := range map[string]bool{
		"fmt": true, "encoding/json": true, "C": false, "openpayment/api": false, "openpayment": false, "github.com/x/y": false, "modernc.org/sqlite": false,
	} {
		if standard(path) != want {
			t.Errorf("standard(%q) is %t", path, !want)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// The lengths that a reader can be asked to take in at once.
const (
	maxFile     = 400
	maxTestFile = 700
	maxFunction = 70
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	eachFile(t, func(t *testing.T, name string, fset *token.FileSet, file *ast.File) {
		limit := maxFile
		if strings.HasSuffix(name, "_test.go") {
			limit = maxTestFile
		}
		if n := fset.File(file.FileStart).LineCount(); n > limit {
			t.Errorf("%s has %d lines; %d are allowed", name, n, limit)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first, last := fset.Position(f.Pos()).Line, fset.Position(f.End()).Line
			if n := last - first + 1; n > maxFunction {
				t.Errorf("%s:%d: %s has %d lines; %d are allowed", name, first, f.Name.Name, n, maxFunction)
			}
		}
	})
}

// A test that sleeps is slow, or sometimes fails, or both. Inside a synctest
// bubble a timer does the same.
func TestNoTestSleeps(t *testing.T) {
	eachFile(t, func(t *testing.T, name string, fset *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: time.Sleep in a test", fset.Position(s.Pos()))
				}
			}
			return true
		})
	})
}

// eachFile parses every Go file of the module, whatever its build constraints.
func eachFile(t *testing.T, check func(t *testing.T, name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	files := 0
	err := fs.WalkDir(os.DirFS(root(t)), ".", func(path string, d fs.DirEntry, err error) error {
		switch base := filepath.Base(path); {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		files++
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(root(t), path), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		check(t, filepath.ToSlash(path), fset, file)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if files < 20 {
		t.Errorf("only %d files were looked at", files)
	}
}
