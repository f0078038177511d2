package access_test

import (
	"testing"

	"openpayment/api/access"
)

func token(name, text string, scopes ...access.Scope) access.Token {
	return access.Token{Principal: access.Principal{Name: name, Scopes: scopes}, Digest: access.DigestOf(text)}
}

func TestAGuardKnowsWhoseATokenIs(t *testing.T) {
	g := access.NewGuard(token("a", "first", access.Read), token("b", "second", access.Command), token("c", "third"))
	for text, name := range map[string]string{"first": "a", "second": "b", "third": "c", "": "", "firs": "", "First": "", "first ": ""} {
		p, known := g.Identify(text)
		if p.Name != name || known != (name != "") {
			t.Errorf("%q is %q's, %t", text, p.Name, known)
		}
	}
}

func TestAGuardForgetsTheTokensItHad(t *testing.T) {
	g := access.NewGuard(token("a", "old"))
	g.Use([]access.Token{token("a", "new")})
	if _, known := g.Identify("old"); known {
		t.Error("the old token is known")
	}
	if _, known := g.Identify("new"); !known {
		t.Error("the new token is not")
	}
}

func TestAGuardWithoutTokensKnowsNobody(t *testing.T) {
	if p, known := access.NewGuard().Identify(""); known {
		t.Errorf("%+v", p)
	}
}

func TestNoScopeIncludesAnother(t *testing.T) {
	for _, has := range access.Scopes() {
		p := access.Principal{Name: "x", Scopes: []access.Scope{has}}
		for _, needed := range access.Scopes() {
			if p.May(needed) != (has == needed) {
				t.Errorf("%s, %s", has, needed)
			}
		}
		if !p.May(access.Any) || p.May("") {
			t.Errorf("%s: any and none", has)
		}
	}
}

func TestWhoeverAsksWhereThereAreNoTokensMayDoEverything(t *testing.T) {
	var anybody access.Principal
	for _, s := range append(access.Scopes(), access.Any) {
		if !anybody.May(s) || anybody.Bound() || !anybody.Covers("accounts/12345678") {
			t.Error(s)
		}
	}
}

func TestABoundPrincipalIsForSubjectsThatBeginAsItsOwn(t *testing.T) {
	p := access.Principal{Name: "x", Subjects: "accounts/12"}
	for subject, want := range map[string]bool{"accounts/12": true, "accounts/12345678": true, "accounts/1": false, "accounts/21": false, "customers/12": false, "": false} {
		if p.Covers(subject) != want {
			t.Errorf("%q: %t", subject, !want)
		}
	}
}
