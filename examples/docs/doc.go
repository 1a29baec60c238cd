// Package docs holds the guides to the code that they show. It has tests and nothing
// else: every program and every fragment of Go in README.md, in docs and in the README.md
// of an example is compiled against the library as it is, and the programs are run.
//
// # What a page may show
//
// A block that begins with three backquotes and "go" is one of two things.
//
// A file has a package clause. The files of one page that have one package name make one
// package, whose name is that of the page, and it is built by the go command as a reader
// would build it. A file is a test if it imports "testing". If testdata/run has a test
// for the page, "page_test.go" with the dashes as underscores, it is run with the
// program.
//
// A fragment is a list of statements or of declarations. The imports are those of the
// table in names_test.go. It sees what the fragments before it on the page have declared,
// and may declare a name again. What the page only talks of, such as a user's own
// database, is in testdata/given. A variable that is declared and not used is no fault of
// a fragment; every other error of the compiler is one.
//
// The sentences are held to the code too: links lead somewhere, and what is named in them
// as a type, field or method is there. Run the tests with -count=1: the go command does
// not know that a page has changed.
//
// What is not to be compiled is a block of "text". A block of "go nocompile" is for a
// signature or an outline that a reader should see in colours; there may be three of
// them in all the pages.
package docs
