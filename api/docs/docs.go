// Package docs is the page that shows the API's description to people: Swagger UI,
// which is part of the program. It refers to nothing that is not served with it.
package docs

import (
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/swaggest/swgui/v5/static"
)

// Page is the name of the page itself.
const Page = "page.html"

// Policy is the Content-Security-Policy that the page is made for: a browser asks
// nobody but the service for anything. Swagger UI has icons in its style sheet, and
// sets styles as it goes along.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page.html start.js
var own embed.FS

// File is one file of the page.
type File struct {
	Media string
	Text  []byte
}

// Files are the page and everything that it loads, by name. They are not to be
// changed. Files is safe for concurrent use.
var Files = sync.OnceValue(func() map[string]File {
	const script = "text/javascript; charset=utf-8"
	files := make(map[string]File)
	for _, part := range []struct {
		from        fs.FS
		name, media string
	}{
		{own, Page, "text/html; charset=utf-8"},
		{own, "start.js", script},
		{static.FS, "swagger-ui-bundle.js.gz", script},
		{static.FS, "swagger-ui.css.gz", "text/css; charset=utf-8"},
		{static.FS, "favicon-32x32.png", "image/png"},
	} {
		name, _ := strings.CutSuffix(part.name, ".gz")
		text, err := read(part.from, part.name)
		if err != nil {
			panic(err) // they are part of the program, and its tests
		}
		files[name] = File{part.media, text}
	}
	return files
})

// read reads a file, which may be compressed.
func read(from fs.FS, name string) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if path.Ext(name) != ".gz" {
		return io.ReadAll(f)
	}
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}
