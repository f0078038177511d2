// Package histories has clients work on real processes while these are killed, stopped and cut
// off, writes down what was asked and answered and when, and has Porcupine decide whether that can
// be: whether all of it could have happened one after another, each at a moment between question
// and answer.
//
// What is real: three service nodes (`openpayment serve`), a ring of three Cassandra nodes, HTTP
// between clients and nodes, TCP between nodes and Cassandra, with a forwarder in every connection
// ([openpayment/internal/cassandratest.Forwarder]). What is made up is chance: a seed draws what
// goes wrong and when ([draw]), and what clients ask for.
//
// A history is some seconds of that, on accounts of its own, a few of which everybody uses. It is
// judged twice. The log of the store is read, and every answer is held against it ([ledger]). And
// Porcupine looks for an order ([Check]); for that the log is only asked what became of those
// commands that got no answer.
package histories
