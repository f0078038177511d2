// Package access knows who may ask the service for what. It knows nothing of HTTP:
// it is given a token and tells whose it is.
//
// A token has a name, scopes, and may be bound to the subjects that begin with a
// prefix. What it gives is a [Principal]; everything else asks that.
//
// Tokens themselves are nowhere kept, only their SHA-256. They are random and long,
// so that a plain hash is as good as a slow one, and takes no time that an attacker
// could waste.
package access
