package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"openpayment/api/access"
)

var sum = strings.Repeat("ab", 32)

func TestAFileOfTokensIsRead(t *testing.T) {
	tokens, err := access.Parse([]byte(`# our tokens
- name: reports
  sha256: ` + access.DigestOf("first").String() + `
  scopes: [read]
- {name: "branch-12", scopes: [command, read], subjects: accounts/12, sha256: ` + strings.ToUpper(sum) + `}
`))
	if err != nil || len(tokens) != 2 {
		t.Fatal(tokens, err)
	}
	a, b := tokens[0], tokens[1]
	if a.Name != "reports" || a.Digest != access.DigestOf("first") || !slices.Equal(a.Scopes, []access.Scope{access.Read}) || a.Bound() {
		t.Errorf("%+v", a)
	}
	if b.Name != "branch-12" || b.Digest.String() != sum || !slices.Equal(b.Scopes, []access.Scope{access.Command, access.Read}) || b.Subjects != "accounts/12" {
		t.Errorf("%+v", b)
	}
}

func TestATokenIsWrittenAsItIsRead(t *testing.T) {
	for _, want := range []access.Token{
		token("a", "x", access.Read),
		{Principal: access.Principal{Name: "1e5", Scopes: []access.Scope{access.Append, access.Command}, Subjects: `customers/'"#: `[:14]}, Digest: access.DigestOf("y")},
	} {
		got, err := access.Parse([]byte(want.String()))
		if err != nil || fmt.Sprint(got) != fmt.Sprint([]access.Token{want}) {
			t.Errorf("%v, %v\n%s", got, err, want)
		}
	}
}

func TestEveryFaultOfAFileIsNamed(t *testing.T) {
	good := "- {name: a, sha256: " + sum + ", scopes: [read]}\n"
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{"no token"}},
		{"# nothing\n", []string{"no token"}},
		{"[]", []string{"0 tokens"}},
		{"- {name: [", []string{"yaml: "}},
		{"name: a", []string{"line 1: a list of tokens is expected"}},
		{"- a", []string{"line 1: a token is expected"}},
		{"- {}", []string{"name is missing", "sha256 is missing", "scopes is missing"}},
		{good + "---\n" + good, []string{"more than one YAML document"}},
		{good + good, []string{"line 2: name: a is also that of the token in line 1", "line 2: sha256: is also that of the token in line 1"}},
		{"- {name: a, name: b, sha256: " + sum + ", scopes: [read]}", []string{"name stands twice"}},
		{"- {name: a, sha256: " + sum + ", scope: [read]}", []string{`there is no "scope"`, "scopes is missing"}},
		{"- {name: a b, sha256: " + sum[1:] + ", scopes: read, subjects: }", []string{"name: up to 64", "sha256: 64 hex digits", "scopes: a list", "subjects: up to 255"}},
		{"- {name: '', sha256: xx, scopes: [], subjects: a b}", []string{"name: ", "sha256: ", "scopes: a list", "subjects: "}},
		{"- {name: [a], sha256: [" + sum + "], scopes: [[read]], subjects: [a]}", []string{"name: ", "sha256: ", `there is no ""`, "subjects: "}},
		{"- {name: a, sha256: " + sum + ", scopes: [read, write, read]}", []string{`there is no "write"`, "read stands twice"}},
		{"- {name: a, sha256: " + sum + ", scopes: [any]}", []string{`there is no "any"`}},
		{"- {name: a, sha256: " + access.DigestOf("").String() + ", scopes: [read]}", []string{"no token at all"}},
		{"- {name: a, sha256: " + sum + ", scopes: [admin], subjects: accounts/12}", []string{"can't be bound"}},
		{"- &x {name: a, sha256: " + sum + ", scopes: [read]}\n- *x", []string{"line 2: a token is expected"}},
		{strings.Repeat("- {}\n", 1001), []string{"1001 tokens"}},
	} {
		tokens, err := access.Parse([]byte(c.text))
		if err == nil || tokens != nil {
			t.Errorf("%.100q: %v, %v", c.text, tokens, err)
			continue
		}
		faults := err.(*access.FileError).Faults
		if len(faults) != len(c.want) {
			t.Errorf("%.100q: %d faults: %v", c.text, len(faults), err)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(faults[i], want) {
				t.Errorf("%.100q: %q does not say %q", c.text, faults[i], want)
			}
		}
	}
}

func TestGeneratedTokensAreNeverTheSameAndFitIntoAHeader(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		token := access.Generate()
		if seen[token] || !access.ValidToken(token) || len(token) < 40 || !strings.HasPrefix(token, "opt_") {
			t.Fatal(token)
		}
		seen[token] = true
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("- {name: a, sha256: " + sum + ", scopes: [read], subjects: accounts/12}\n"))
	f.Add([]byte("- name: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tokens, err := access.Parse(text)
		if (err == nil) != (len(tokens) > 0) {
			t.Fatal(tokens, err)
		}
		for _, token := range tokens {
			again, err := access.Parse([]byte(token.String()))
			if err != nil || fmt.Sprint(again) != fmt.Sprint([]access.Token{token}) {
				t.Errorf("%v: %v %v", token, again, err)
			}
		}
	})
}
