// Package schema holds the tables of every storage technology as plain,
// numbered files that an operator can read and run by hand, and explains each
// column in its README.
//
// The files are the only definition there is: the services embed them and run
// the same statements, so that a schema made by hand and one made by a service
// are the same. A file, once released, is never edited; a change is a new file
// with the next number.
//
// The package knows nothing of drivers: it gives out text.
package schema
