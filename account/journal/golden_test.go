package journal

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"openpayment/account"
	"openpayment/eventstore"
)

var update = flag.Bool("update", false, "write the golden files of the newest versions anew; those of a version that was ever stored must not change")

// Stored are the events that the golden files hold, by version and type.
var Stored = map[string]account.Event{
	"v1/account.opened": account.Opened{
		Number: "00123456", SortCode: "10-20-30",
		CustomerURLs: []string{"https://customers.example/1?a=1&b=%20", "https://customers.example/2"},
		CardURLs:     []string{}, Currency: "GBP",
	},
	"v1/account.updated": account.Updated{
		Number: "00123456", SortCode: "40-50-60", CustomerURLs: []string{}, CardURLs: []string{"https://cards.example/9"},
	},
	"v1/account.closed":    account.Closed{Number: "00123456"},
	"v1/funds.deposited":   account.Deposited{Number: "00123456", Amount: account.MaxBalance, Currency: "GBP"},
	"v1/funds.withdrawn":   account.Withdrawn{Number: "00123456", Amount: 1, Currency: "GBP", Reference: "till 4 / <\"£\">"},
	"v1/funds.transferred": account.Transferred{From: "00123456", To: "12345678", Amount: 1250, Currency: "GBP", Reference: "invoice 7"},
}

func TestEveryFormLeadsToTheNewest(t *testing.T) {
	for name, typ := range known.byName {
		if err := typ.check(); err != nil {
			t.Error(err)
		}
		if !Reserved(name) {
			t.Errorf("%s is read, but not reserved: any service may write it", name)
		}
	}
}

func TestEveryVersionOfEveryTypeHasItsGoldenFile(t *testing.T) {
	if err := checkGolden(known, "testdata/events", Stored, *update); err != nil {
		t.Error(err)
	}
}

// goldenEvent is a file of testdata: an event as it stands in a log.
type goldenEvent struct {
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Data    string `json:"data"` // the text itself, so that every byte of it is pinned
}

// checkGolden gives everything in which a codec and its golden files differ. Each
// version is a folder below dir, and want are the events that the files hold.
func checkGolden(c *codec, dir string, want map[string]account.Event, rewrite bool) error {
	var faults []error
	names := versionsOf(c)
	for _, name := range names {
		if want[name] == nil {
			faults = append(faults, fmt.Errorf("%s: no test says which event it is", name))
			continue
		}
		faults = append(faults, checkWritten(c, dir, name, want[name], rewrite))
	}
	files, err := filepath.Glob(filepath.Join(dir, "v*", "*"))
	faults = append(faults, err)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), dir+"/"), ".json")
		if !slices.Contains(names, name) {
			faults = append(faults, fmt.Errorf("%s: the form was stored, and is not read any more", file))
			continue
		}
		faults = append(faults, checkRead(c, file, name, want[name]))
	}
	return errors.Join(faults...)
}

// versionsOf names every form of every type: v2/account.closed.
func versionsOf(c *codec) []string {
	var names []string
	for name, t := range c.byName {
		for i := range t.forms {
			names = append(names, fmt.Sprintf("v%d/%s", i+1, name))
		}
	}
	slices.Sort(names)
	return names
}

// versionOf is the number and the type in such a name.
func versionOf(name string) (version int, typ string) {
	folder, typ, _ := strings.Cut(name, "/")
	version, _ = strconv.Atoi(strings.TrimPrefix(folder, "v"))
	return version, typ
}

// checkWritten compares what is written today with the golden file, if the name
// is that of a newest version; of others it only looks for the file.
func checkWritten(c *codec, dir, name string, ev account.Event, rewrite bool) error {
	file := filepath.Join(dir, filepath.FromSlash(name)+".json")
	version, typ := versionOf(name)
	if version < len(c.byName[typ].forms) {
		_, err := os.Stat(file)
		return err
	}
	p, err := c.encode(ev, eventstore.Meta{{Name: "requestId", Value: "r-1"}})
	if err == nil {
		err = p.Validate()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	meta := map[string]string{"requestId": "r-1"}
	if version > 1 {
		meta[metaDataVersion] = strconv.Itoa(version)
	}
	if !maps.Equal(p.Meta.Map(), meta) {
		return fmt.Errorf("%s has meta %v, want %v", name, p.Meta, meta)
	}
	got := goldenEvent{p.Type, p.Subject, p.Data}
	if rewrite {
		if err := writeGolden(file, got); err != nil {
			return err
		}
	}
	if want, err := readGolden(file); err != nil || got != want {
		return fmt.Errorf("%s is written as\n%+v\nand was\n%+v (%w)", name, got, want, errors.Join(err, errors.New("differs")))
	}
	return nil
}

// checkRead reads a golden file as it would stand in a log.
func checkRead(c *codec, file, name string, want account.Event) error {
	g, err := readGolden(file)
	if err != nil {
		return err
	}
	version, _ := versionOf(name)
	metas := []eventstore.Meta{{{Name: metaDataVersion, Value: strconv.Itoa(version)}, {Name: "requestId", Value: "r-1"}}}
	if version == 1 {
		metas = append(metas, nil, eventstore.Meta{})
	}
	for _, meta := range metas {
		got, err := c.decode(eventstore.Event{Seq: 7, Type: g.Type, Subject: g.Subject, Meta: meta, Data: g.Data})
		if err != nil || !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%s with meta %v is read as\n%+v, %w\nwant\n%+v", file, meta, got, errors.Join(err, errors.New("differs")), want)
		}
	}
	return nil
}

func readGolden(file string) (g goldenEvent, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	return g, err
}

func writeGolden(file string, g goldenEvent) error {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return errors.Join(enc.Encode(g), os.MkdirAll(filepath.Dir(file), 0o755),
		os.WriteFile(file, []byte(text.String()), 0o644))
}
