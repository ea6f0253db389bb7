"""The GraphQL that we speak: what one pull request is, and the ways to write.

Every query names itself, so that a log of GitHub's, or a test, can tell them apart.  The sizes of pages are chosen for
GitHub's points, of which GITHUB_TOKEN has 1,000 an hour: a list of fifty branches costs about fifteen.
"""

from __future__ import annotations

BRANCHES, PULLS_OF_A_BRANCH = 50, 2
COMMITS_IN_LIST, COMMITS = 10, 100
LONGEST_IN_LIST = 1000
"""Commits or files of a pull request beyond which a list does not page on: a promotion of ours has one commit."""

_FILES = "totalCount pageInfo { hasNextPage endCursor } nodes { path changeType }"
_COMMITS = """totalCount pageInfo { hasNextPage endCursor } nodes { commit {
      oid message author { ...Person } committer { ...Person }
      authors(first: 50) { totalCount nodes { ...Person } }
    } }"""
_REVIEWS = """totalCount pageInfo { hasNextPage endCursor } nodes {
      id state submittedAt author { __typename login } commit { oid }
    }"""
_PULL = f"""
fragment Person on GitActor {{ name email user {{ login }} }}
fragment Whole on PullRequest {{
  number url title body state isDraft isCrossRepository headRefName headRefOid baseRefName changedFiles
  author {{ __typename login }} mergedAt mergedBy {{ __typename login }} mergeCommit {{ oid }}
  files(first: 100) {{ {_FILES} }}
  commits(first: $commits) {{ {_COMMITS} }}
  reviews(first: 100) {{ {_REVIEWS} }}
  timelineItems(last: 1, itemTypes: [HEAD_REF_FORCE_PUSHED_EVENT]) {{
    nodes {{ ... on HeadRefForcePushedEvent {{ actor {{ __typename login }} afterCommit {{ oid }} }} }}
  }}
  dismissals: timelineItems(last: 100, itemTypes: [REVIEW_DISMISSED_EVENT]) {{
    nodes {{ ... on ReviewDismissedEvent {{ createdAt previousReviewState review {{ id }} }} }}
  }}
}}"""
_FACTS = "id mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed"

OPEN_PULLS = f"""query OpenPulls($owner: String!, $name: String!, $prefix: String!, $after: String, $commits: Int!) {{
  repository(owner: $owner, name: $name) {{
    {_FACTS}
    refs(refPrefix: $prefix, first: {BRANCHES}, after: $after) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{ associatedPullRequests(states: [OPEN], first: {PULLS_OF_A_BRANCH}) {{ nodes {{ ...Whole }} }} }}
    }}
  }}
}}{_PULL}"""

ONE_PULL = f"""query OnePull($owner: String!, $name: String!, $number: Int!, $commits: Int!) {{
  repository(owner: $owner, name: $name) {{
    {_FACTS}
    pullRequest(number: $number) {{ headRepository {{ nameWithOwner }} ...Whole }}
  }}
}}{_PULL}"""

PULL_OF_COMMIT = f"""query PullOfCommit($owner: String!, $name: String!, $commit: GitObjectID!, $commits: Int!) {{
  repository(owner: $owner, name: $name) {{
    object(oid: $commit) {{ ... on Commit {{ associatedPullRequests(first: 5) {{ nodes {{ ...Whole }} }} }} }}
  }}
}}{_PULL}"""

PULL_OF_BRANCH = f"""query PullOfBranch($owner: String!, $name: String!, $ref: String!, $commits: Int!) {{
  repository(owner: $owner, name: $name) {{
    ref(qualifiedName: $ref) {{ associatedPullRequests(states: [OPEN], first: 10) {{ nodes {{ ...Whole }} }} }}
  }}
}}{_PULL}"""

CREATE_PULL = f"""mutation CreatePull($input: CreatePullRequestInput!, $commits: Int!) {{
  createPullRequest(input: $input) {{ pullRequest {{ ...Whole }} }}
}}{_PULL}"""

REPOSITORY = f"""query Repository($owner: String!, $name: String!) {{
  repository(owner: $owner, name: $name) {{ {_FACTS} }}
}}"""

MORE = """query MoreOfPull($owner: String!, $name: String!, $number: Int!, $after: String) {{
  repository(owner: $owner, name: $name) {{ pullRequest(number: $number) {{
    {part}(first: 100, after: $after) {{ {fields} }}
  }} }}
}}"""
MORE_FILES = MORE.format(part="files", fields=_FILES)
MORE_REVIEWS = MORE.format(part="reviews", fields=_REVIEWS)
MORE_COMMITS = (
    MORE.format(part="commits", fields=_COMMITS) + "\nfragment Person on GitActor { name email user { login } }"
)

MERGE_STATE = f"""query MergeState($owner: String!, $name: String!, $number: Int!) {{
  repository(owner: $owner, name: $name) {{
    {_FACTS}
    pullRequest(number: $number) {{ state isDraft headRefOid mergeable mergeCommit {{ oid }} }}
  }}
}}"""

BRANCH = """query Branch($owner: String!, $name: String!, $ref: String!) {
  repository(owner: $owner, name: $name) {
    id
    ref(qualifiedName: $ref) { target { oid ... on Commit { tree { oid } parents(first: 2) { nodes { oid } } } } }
  }
}"""

_WRITTEN = "commit { oid tree { oid } }"
CREATE_COMMIT = f"""mutation CreateCommit($input: CreateCommitOnBranchInput!) {{
  createCommitOnBranch(input: $input) {{ {_WRITTEN} }}
}}"""

WRITE_ASIDE = f"""mutation WriteAside($start: CreateRefInput!, $input: CreateCommitOnBranchInput!) {{
  createRef(input: $start) {{ ref {{ name }} }}
  createCommitOnBranch(input: $input) {{ {_WRITTEN} }}
}}"""

MOVE_BRANCH = """mutation MoveBranch($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"""
