/*
 * oom: who goes first where memory runs out.
 *
 * Called by the workers that the core starts, first thing in main: a worker that is killed is one
 * camera read again, the core is the whole station. It must never keep a program from its work.
 */
#ifndef DOCKD_OOM_H
#define DOCKD_OOM_H

/*
 * From now on the kernel takes this process before the one that started it: oom_score_adj(5) is raised
 * by 500 thousandths of what memory there is. Before sandbox_basics, after which the file is root's.
 * What cannot be done is left.
 */
void oom_goes_first(void);

#endif
