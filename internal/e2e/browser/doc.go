// Package browser drives the example programs in a headless Chromium, as a person
// would. It has tests only.
package browser
