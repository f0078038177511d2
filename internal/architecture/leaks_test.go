package architecture

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

// unwatched are packages whose goroutines are not looked at when their tests are over.
var unwatched = map[string]string{
	"cmd/openpayment":        "its tests run processes, which end altogether",
	"internal/cassandratest": "what it starts is shared by tests, and ends with the program",
}

// Who starts goroutines has to end them, and tests to see that.
func TestWhoStartsGoroutinesLooksForLeaks(t *testing.T) {
	starts, looks := make(map[string]string), make(map[string]bool)
	eachFile(t, func(_ *testing.T, name string, fset *token.FileSet, file *ast.File) {
		dir := path.Dir(name)
		for _, imported := range file.Imports {
			looks[dir] = looks[dir] || imported.Path.Value == `"`+module+`/internal/leaktest"`
		}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				starts[dir] = fset.Position(n.Pos()).String()
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" {
					starts[dir] = fset.Position(n.Pos()).String()
				}
			}
			return true
		})
	})
	for dir, where := range starts {
		if !looks[dir] && unwatched[dir] == "" {
			t.Errorf("%s: a goroutine is started, and %s has no TestMain with leaktest.Run", where, dir)
		}
	}
	if len(starts) < 5 {
		t.Errorf("only %d packages start goroutines", len(starts))
	}
}
