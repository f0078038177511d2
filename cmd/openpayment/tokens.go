package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/sirupsen/logrus"

	"openpayment/api/access"
)

// tokenVariable holds the admin token. It is no flag: command lines can be read
// by every user of a machine.
const tokenVariable = envPrefix + "ADMIN_TOKEN"

// adminName is the name of the token in the environment.
const adminName = "admin"

// adminToken is the token in the environment, empty for none. One that no header can
// carry would lock everybody out.
func adminToken() (string, error) {
	token := os.Getenv(tokenVariable)
	if token != "" && !access.ValidToken(token) {
		return "", usageError{fmt.Errorf("%s: up to 1024 printable ASCII characters without spaces are expected", tokenVariable)}
	}
	return token, nil
}

// tokenSource is where the tokens are that a service knows.
type tokenSource struct {
	admin string // the token in the environment, empty for none
	file  string // a path, empty for none
}

// given tells whether there are tokens at all.
func (s tokenSource) given() bool { return s.admin != "" || s.file != "" }

// load reads all tokens.
func (s tokenSource) load() ([]access.Token, error) {
	var tokens []access.Token
	if s.file != "" {
		text, err := os.ReadFile(s.file)
		if err != nil {
			return nil, usageError{fmt.Errorf("--tokens: %w", err)}
		}
		if tokens, err = access.Parse(text); err != nil {
			return nil, usageError{fmt.Errorf("--tokens %s: %w", s.file, err)}
		}
	}
	if s.admin == "" {
		return tokens, nil
	}
	admin := access.Token{
		Principal: access.Principal{Name: adminName, Scopes: access.Scopes()}, Digest: access.DigestOf(s.admin),
	}
	for _, t := range tokens {
		if t.Name == admin.Name || t.Digest == admin.Digest {
			return nil, usageError{fmt.Errorf("--tokens %s: the token %s is that of %s, by name or by itself: take one of them away", s.file, t.Name, tokenVariable)}
		}
	}
	return append(tokens, admin), nil
}

// guard makes the guard that knows all tokens; nil where there are none: everybody may do
// everything.
func (s tokenSource) guard(log *logrus.Logger) (*access.Guard, error) {
	if !s.given() {
		return nil, nil
	}
	tokens, err := s.load()
	if err != nil {
		return nil, err
	}
	s.warn(log)
	return access.NewGuard(tokens...), nil
}

// reload has a guard know the tokens as they are now. If they can't be read it goes on
// with those it knew.
func (s tokenSource) reload(guard *access.Guard, log *logrus.Logger) {
	tokens, err := s.load()
	if err != nil {
		log.WithField("error", err).Error("the tokens could not be read again: those known before stay")
		return
	}
	guard.Use(tokens)
	s.warn(log)
	log.WithField("tokens", len(tokens)).Info("tokens read again")
}

// shortToken is how many characters the admin token should have at least: all that keeps
// it from being guessed is its length.
const shortToken = 16

// warn tells of what makes tokens worth less than they seem.
func (s tokenSource) warn(log *logrus.Logger) {
	if s.admin != "" && len(s.admin) < shortToken {
		log.Warnf("%s has less than %d characters, and may be guessed: openpayment token create makes a better one", tokenVariable, shortToken)
	}
	if s.file == "" {
		return
	}
	info, err := os.Stat(s.file)
	if err != nil {
		return // it was there just now, and was read
	}
	const others, group fs.FileMode = 0o007, 0o020
	if mode := info.Mode().Perm(); mode&(others|group) != 0 {
		log.WithField("mode", mode.String()).Warnf("others may read or write %s: whoever can write it makes tokens for themselves; chmod 600", s.file)
	}
}
