package access

import "crypto/sha256"

// Digest stands for a token: its SHA-256, of one length whatever the token's, so that
// comparing takes the same time for all.
type Digest [sha256.Size]byte

// DigestOf is the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// Token is what a service knows of one: whose it is, and how to tell it.
type Token struct {
	Principal
	Digest Digest
}
